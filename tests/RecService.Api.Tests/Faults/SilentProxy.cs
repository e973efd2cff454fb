using System.Net;
using System.Net.Sockets;

namespace RecService.Api.Tests.Faults;

/// <summary>A way to a server's socket on which nothing comes through any more when it is told so, as when a network breaks.</summary>
internal sealed class SilentProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _socketFile;
    private volatile bool _silent;
    private volatile int _machine;

    public SilentProxy(string socketFile)
    {
        _socketFile = socketFile;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public bool Silent
    {
        get => _silent;
        set => _silent = value;
    }

    /// <summary>
    /// What is connected now stays silent for good, as when the server's machine is gone; new connections work, as with another in its place.
    /// </summary>
    public void FailOver() => Interlocked.Increment(ref _machine);

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The end of the test.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socketFile));
                await using var server = new NetworkStream(socket);
                var machine = _machine;
                await Task.WhenAny(PassAsync(client.GetStream(), server, machine), PassAsync(server, client.GetStream(), machine));
            }
            catch (SocketException)
            {
                // The server is stopped: so the connection is closed.
            }
        }
    }

    private async Task PassAsync(NetworkStream from, NetworkStream to, int machine)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (var length = await from.ReadAsync(buffer); length > 0; length = await from.ReadAsync(buffer))
            {
                while (_silent || _machine != machine)
                {
                    await Task.Delay(10);
                }

                await to.WriteAsync(buffer.AsMemory(0, length));
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // One end closed.
        }
    }
}
