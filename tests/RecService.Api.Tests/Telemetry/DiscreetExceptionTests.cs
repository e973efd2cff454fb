using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;
using RecService.Api.Http.Errors;
using RecService.Api.Models;
using RecService.Api.Telemetry;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Telemetry;

public sealed class DiscreetExceptionTests
{
    private const string User = "ann";

    [Fact]
    public void Messages_that_may_quote_data_are_left_out_and_kinds_and_stacks_are_kept()
    {
        var text = Thrown(() => new Dictionary<string, int>(StringComparer.Ordinal) { { User, 1 } }.Add(User, 2)).Discreet().ToString();
        text.ShouldNotContain(User);
        text.ShouldContain("System.ArgumentException");
        text.ShouldContain(nameof(Messages_that_may_quote_data_are_left_out_and_kinds_and_stacks_are_kept));
    }

    [Fact]
    public void A_server_error_is_told_by_its_code()
    {
        var text = new InvalidOperationException(User, new PostgresException($"the value {User} is wrong", "ERROR", "ERROR", "22P02"))
            .Discreet()
            .ToString();
        text.ShouldNotContain(User);
        text.ShouldContain("Npgsql.PostgresException: SQLSTATE 22P02");
    }

    [Fact]
    public void Messages_about_connections_and_of_the_service_are_kept()
    {
        new NpgsqlException("Failed to connect to 10.0.0.1:5432").Discreet().Message.ShouldContain("10.0.0.1");
        new ModelCheckException("Model 7 is damaged.").Discreet().ToString().ShouldContain("Model 7 is damaged.");
    }

    [Fact]
    public async Task An_answer_that_fails_half_way_is_cut_and_logged_without_the_message()
    {
        var log = new LinesLog();
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(log);
        await using var app = builder.Build();
        app.UseMiddleware<StartedAnswers>();
        app.MapGet("/", async context =>
        {
            context.Response.ContentLength = 100;
            await context.Response.WriteAsync("half");
            await context.Response.Body.FlushAsync();
            throw new ArgumentException(User);
        });
        await app.StartAsync();
        using var client = new HttpClient();
        await Should.ThrowAsync<HttpRequestException>(() => client.GetStringAsync(new Uri(app.Urls.Single())));
        await app.StopAsync();
        log.Lines.ShouldContain(line =>
            line.Contains("An answer failed while it was sent", StringComparison.Ordinal)
            && line.Contains("System.ArgumentException", StringComparison.Ordinal)
        );
        log.Lines.ShouldNotContain(line => line.Contains(User, StringComparison.Ordinal));
    }

    private static Exception Thrown(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception)
        {
            return exception;
        }

        throw new InvalidOperationException("Nothing was thrown.");
    }
}
