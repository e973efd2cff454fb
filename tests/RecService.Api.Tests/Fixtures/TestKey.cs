namespace RecService.Api.Tests.Fixtures;

/// <summary>The bootstrap key of the services under test.</summary>
public static class TestKey
{
    public const string Setting = "Access:BootstrapKey";

    public const string Header = "X-Api-Key";

    public const string Text = "rs_testsadmin_Zq8vW1xK3nT6yB0cD4eF7gH2jL5mP9rS-uA_iOkQhXw";
}
