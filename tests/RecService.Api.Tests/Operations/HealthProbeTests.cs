using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using RecService.Api.Operations;

namespace RecService.Api.Tests.Operations;

public sealed class HealthProbeTests
{
    [Theory]
    [InlineData("http://localhost:8080/")]
    [InlineData("http://localhost:81/", "HTTP_PORTS=81;82", "HTTPS_PORTS=443")]
    [InlineData("https://localhost:8443/", "HTTP_PORTS=", "HTTPS_PORTS=8443")]
    [InlineData("https://localhost:9443/", "URLS=https://*:9443;http://*:80", "HTTP_PORTS=81")]
    [InlineData("http://localhost:5000/", "URLS=http://0.0.0.0:5000")]
    [InlineData("http://localhost:5000/", "URLS=http://[::]:5000")]
    [InlineData("https://10.0.0.1:5000/", "URLS=https://10.0.0.1:5000")]
    [InlineData("https://localhost:7000/", "URLS=http://*:5000", "Kestrel:Endpoints:Https:Url=https://+:7000")]
    public void It_asks_where_the_service_listens(string expected, params string[] settings) =>
        HealthProbe.AddressOf(Configuration(settings)).ToString().ShouldBe(expected);

    [Fact]
    public async Task A_certificate_for_another_name_does_not_matter_on_the_own_machine()
    {
        using var key = RSA.Create(2048);
        using var made = new CertificateRequest("CN=shop.example", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(
            DateTimeOffset.UtcNow.AddDays(-1),
            DateTimeOffset.UtcNow.AddDays(1)
        );
        using var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), password: null);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder
            .WebHost.UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        await using var service = builder.Build();
        service.MapGet("/health/ready", () => Results.Ok());
        await service.StartAsync();

        (await HealthProbe.RunAsync(Configuration($"URLS={service.Urls.Single()}"))).ShouldBe(0);
    }

    private static IConfiguration Configuration(params string[] settings) =>
        new ConfigurationBuilder()
            .AddInMemoryCollection(
                settings.Select(setting => setting.Split('=', 2)).Select(parts => KeyValuePair.Create(parts[0], (string?)parts[1]))
            )
            .Build();
}
