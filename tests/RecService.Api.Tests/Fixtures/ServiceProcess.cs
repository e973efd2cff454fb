using System.Diagnostics;
using System.Text;
using RecService.Api.Operations;

namespace RecService.Api.Tests.Fixtures;

/// <summary>The service as a process of its own, as an operator starts it: to be killed.</summary>
public sealed class ServiceProcess : IDisposable
{
    private const string Listening = "Now listening on: ";

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ServiceProcess(params (string Key, string? Value)[] settings)
        : this([], settings) { }

    /// <summary>One of the service's commands, such as <c>migrate</c>.</summary>
    public ServiceProcess(string[] arguments, params (string Key, string? Value)[] settings)
        : this(typeof(ServiceProgram).Assembly.Location, arguments, settings) { }

    /// <summary>Another program that serves, such as the sample.</summary>
    public ServiceProcess(string assembly, string[] arguments, params (string Key, string? Value)[] settings)
    {
        var start = new ProcessStartInfo("dotnet", [assembly, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = AppContext.BaseDirectory,
        };
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";

        // A setting without a value is not set.
        foreach (var (key, value) in settings.Prepend((TestKey.Setting, TestKey.Text)).Prepend(("Database:ScoringTimeout", "00:00:30")))
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>A client, once the service listens.</summary>
    public async Task<HttpClient> ClientAsync()
    {
        var address = await AddressAsync();
        using (var plain = new HttpClient())
        {
            var document = new Uri(address, "/openapi/v1.json");
            await Contract.LearnAsync(() => plain.GetByteArrayAsync(document));
        }

        return new HttpClient(new ContractCheck(new SocketsHttpHandler()))
        {
            BaseAddress = address,
            DefaultRequestHeaders = { { TestKey.Header, TestKey.Text } },
        };
    }

    /// <summary>Where it listens, once it does.</summary>
    public async Task<Uri> AddressAsync()
    {
        var ended = _process.WaitForExitAsync();
        return await Task.WhenAny(_address.Task, ended).WaitAsync(Backstop.Limit) == ended
            ? throw new InvalidOperationException($"The program ended:\n{Output}")
            : await _address.Task;
    }

    /// <summary>Waits for a text in the output.</summary>
    public async Task SaysAsync(string text)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            await Task.Delay(20, limit.Token);
        }
    }

    /// <summary>kill -9: the process gets no chance to do anything.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Sends SIGTERM or SIGINT and returns the exit code.</summary>
    public async Task<int> StopAsync(string signal)
    {
        using (var kill = Process.Start("kill", ["-s", signal, _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }

        return await ExitAsync();
    }

    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Backstop.Limit);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_output)
        {
            _output.AppendLine(line);
        }

        var listening = line.IndexOf(Listening, StringComparison.Ordinal);
        if (listening >= 0)
        {
            // The log is JSON.
            _address.TrySetResult(new Uri(line[(listening + Listening.Length)..].Split('"')[0]));
        }
    }
}
