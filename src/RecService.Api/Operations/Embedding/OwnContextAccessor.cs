namespace RecService.Api.Operations.Embedding;

/// <summary>Of the service's own requests. The framework's accessor is one for the whole process, and would lose the host's.</summary>
internal sealed class OwnContextAccessor : IHttpContextAccessor
{
    private readonly AsyncLocal<Holder?> _current = new();

    public HttpContext? HttpContext
    {
        get => _current.Value?.Context;
        set
        {
            // What flows along with other work ends with the request, too.
            _current.Value?.Context = null;
            if (value is not null)
            {
                _current.Value = new() { Context = value };
            }
        }
    }

    private sealed class Holder
    {
        public HttpContext? Context { get; set; }
    }
}
