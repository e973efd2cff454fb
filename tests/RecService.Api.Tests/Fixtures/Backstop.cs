namespace RecService.Api.Tests.Fixtures;

/// <summary>When to give up waiting for what does not come: no busy machine takes as long, and a run that hangs ends with a test that tells where.</summary>
internal static class Backstop
{
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
}
