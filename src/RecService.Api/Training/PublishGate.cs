namespace RecService.Api.Training;

/// <summary>Whether a new model may be served without being asked for.</summary>
public enum PublishGate
{
    /// <summary>Not one that does worse than its baseline, or than the model that is served.</summary>
    On,

    /// <summary>Any.</summary>
    Off,
}
