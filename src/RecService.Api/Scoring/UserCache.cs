using Microsoft.Extensions.Options;
using RecService.Api.Publishing;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

/// <summary>
/// States of the users that were asked for last, in bounded memory. What is found here is not known to hold: whoever takes it compares its version with the store's.
/// </summary>
internal sealed class UserCache(IOptions<ScoringOptions> options) : IRemembersUsers
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Key, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new();
    private readonly long _most = options.Value.UserCacheMebibytes * 1024L * 1024;
    private long _bytes;
    private long _cleared;

    /// <summary>How many states there are.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>A moment before a read, for <see cref="Keep"/>.</summary>
    public long Moment => Volatile.Read(ref _cleared);

    /// <summary>
    /// The state of a user if it probably holds: not when it had changed from one request to the next, as that of somebody who goes from item to item does.
    /// </summary>
    public UserState? Find(AskedUser user)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(KeyOf(user), out var node))
            {
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.HasChanged ? null : node.Value.State;
        }
    }

    /// <summary>Keeps what was read of a user.</summary>
    /// <param name="user">The user, and what depends on how the user was asked for.</param>
    /// <param name="state">What was read; null when there is nobody of that id.</param>
    /// <param name="since">The moment before it was read: nothing is kept of users who may have been erased since.</param>
    public void Keep(AskedUser user, UserState? state, long since)
    {
        var key = KeyOf(user);
        lock (_lock)
        {
            var former = _entries.GetValueOrDefault(key);
            if (former is not null)
            {
                Remove(former);
            }

            if (state is null || state.Bytes > _most || since != _cleared)
            {
                return;
            }

            _entries.Add(key, _byUse.AddFirst(new Entry(key, state, former is not null && former.Value.State.Version != state.Version)));
            _bytes += state.Bytes;
            while (_bytes > _most)
            {
                Remove(_byUse.Last!);
            }
        }
    }

    /// <summary>Drops everything: erasures are rare, and it can be read anew.</summary>
    public Task ForgetErasedAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _cleared++;
            _entries.Clear();
            _byUse.Clear();
            _bytes = 0;
        }

        return Task.CompletedTask;
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _entries.Remove(node.Value.Key);
        _bytes -= node.Value.State.Bytes;
    }

    // Names of types have no blanks.
    private static Key KeyOf(AskedUser user) => new(user.UserId, string.Join(' ', user.Seen.Types), user.History);

    private readonly record struct Key(string UserId, string SeenTypes, HistorySettings? History);

    private sealed record Entry(Key Key, UserState State, bool HasChanged);
}
