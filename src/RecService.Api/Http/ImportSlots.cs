namespace RecService.Api.Http;

/// <summary>Lets a bounded number of imports go on at a time: each holds a connection and a transaction from its first byte to its last, however slowly those come.</summary>
internal sealed class ImportSlots : IDisposable
{
    /// <summary>Far below the size of the connection pool, so that slow imports never starve everything else.</summary>
    public const int Count = 8;

    private readonly SemaphoreSlim _free = new(Count, Count);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (!await _free.WaitAsync(TimeSpan.Zero, context.HttpContext.RequestAborted))
        {
            context.HttpContext.Response.Headers.RetryAfter = "5";
            return Problems.Of(StatusCodes.Status503ServiceUnavailable, $"{Count} imports are going on; try again when one of them has ended.", "Too many imports.", "/problems/too-many-imports");
        }

        try
        {
            return await next(context);
        }
        finally
        {
            _free.Release();
        }
    }

    public void Dispose() => _free.Dispose();
}

internal static class ImportSlotExtensions
{
    /// <summary>All imports share the slots, and each takes as long as its lines take to come.</summary>
    public static RouteHandlerBuilder WithImportSlot(this RouteHandlerBuilder endpoint) => endpoint
        .AddEndpointFilter((context, next) => context.HttpContext.RequestServices.GetRequiredService<ImportSlots>().InvokeAsync(context, next))
        .WithoutTimeLimit()
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
}
