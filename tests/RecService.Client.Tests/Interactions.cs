namespace RecService.Client.Tests;

internal static class Interactions
{
    public static InteractionInput Click(string userId, string itemId) =>
        new()
        {
            UserId = userId,
            ItemId = itemId,
            Type = "click",
        };
}
