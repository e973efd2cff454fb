using RecService.Api.Operations;

namespace RecService.Api.Tests.Operations;

public sealed class StartLogTests
{
    [Theory]
    [InlineData("http://[::]:8080", "http://localhost:8080/")]
    [InlineData("http://0.0.0.0:80", "http://localhost/")]
    [InlineData("https://*:8443", "https://localhost:8443/")]
    [InlineData("http://+:5000", "http://localhost:5000/")]
    [InlineData("http://10.0.0.7:5000", "http://10.0.0.7:5000/")]
    public void What_it_listens_on_is_told_as_an_address_that_can_be_opened(string listened, string told) =>
        StartLog.Visitable(listened).AbsoluteUri.ShouldBe(told);
}
