namespace RecService.Api.Dashboard.Sessions;

internal enum SignInOutcome
{
    SignedIn,

    /// <summary>The text is no valid key.</summary>
    NoKey,

    /// <summary>The key is valid, and not of an admin.</summary>
    NoAdmin,
}
