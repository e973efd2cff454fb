using RecService.Api.Models;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Publishing;

/// <summary>Turns items into the columns of a model as they are read: what is known of each would take many times the memory.</summary>
internal sealed class ItemEncoder(LoadedModel model)
{
    private readonly SparseRowsBuilder _rows = new();
    private readonly ItemRolesBuilder? _roles = model.Model.History is null ? null : new(model.Index);
    private readonly RowBuffer _row = new();

    public void Add(EntityFeatures item)
    {
        _row.Clear();
        model.Index.AppendItem(item, _row);
        _rows.AddRow(_row.Row);
        _roles?.Add(item);
    }

    /// <summary>The columns of the items added, by themselves and as part of a history.</summary>
    public (SparseRows Rows, ItemRoles? Roles) Build() => (_rows.Build(), _roles?.Build());
}
