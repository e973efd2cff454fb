namespace RecService.Api.Storage;

/// <summary>A transaction was rolled back again and again for others that went on in the same moment. Nothing of it was done.</summary>
internal sealed class CollisionException : Exception
{
    public CollisionException()
        : this("Others were changing the same rows, again and again.") { }

    public CollisionException(string message)
        : base(message) { }

    public CollisionException(string message, Exception innerException)
        : base(message, innerException) { }
}
