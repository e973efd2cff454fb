namespace RecService.Api.Publishing;

/// <summary>Holds something of users in memory.</summary>
internal interface IRemembersUsers
{
    /// <summary>Drops what it holds of users who have been erased, also when that is being read.</summary>
    Task ForgetErasedAsync(CancellationToken cancellationToken);
}
