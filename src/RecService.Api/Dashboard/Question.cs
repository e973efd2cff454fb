using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Dashboard.Pages;

namespace RecService.Api.Dashboard;

/// <summary>A question before something is done.</summary>
/// <param name="Title">The question.</param>
/// <param name="Detail">What will happen.</param>
/// <param name="Action">The path below the dashboard's that the answer is sent to.</param>
/// <param name="Button">What the button says.</param>
/// <param name="Back">The path below the dashboard's to go to instead.</param>
/// <param name="IsDangerous">Whether it cannot be undone.</param>
internal sealed record Question(string Title, string Detail, string Action, string Button, string Back, bool IsDangerous = false)
{
    /// <summary>Whether to ask for how long a former secret holds.</summary>
    public bool AskGrace { get; init; }

    /// <summary>A field that is sent along.</summary>
    public string? FieldName { get; init; }

    /// <summary>Its value.</summary>
    public string? FieldValue { get; init; }

    public RazorComponentResult<ConfirmPage> ToPage() =>
        new(
            new
            {
                Title,
                Detail,
                Action,
                Button,
                Back,
                IsDangerous,
                AskGrace,
                FieldName,
                FieldValue,
            }
        )
        {
            PreventStreamingRendering = true,
        };
}
