using RecService.Api.Domain;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Json;
using ItemCells = RecService.Api.Http.Bulk.Cells<RecService.Api.Catalog.ItemLineInput>;
using UserCells = RecService.Api.Http.Bulk.Cells<RecService.Api.Catalog.UserLineInput>;

namespace RecService.Api.Catalog;

/// <summary>The columns that files of users and of items may have.</summary>
internal static class CatalogColumns
{
    public static readonly ImportColumns<UserLineInput> OfUsers = new(
        new("userId", UserCells.Text((user, id) => user with { UserId = id })) { IsRequired = true },
        new("tags", UserCells.Texts((user, tags) => user with { Tags = tags })),
        new("attributes", UserCells.Json<Dictionary<string, AttributeValue>>((user, attributes) => user with { Attributes = attributes }))
        {
            ReadKey = UserCells.Feature(user => user.Attributes, (user, attributes) => user with { Attributes = attributes }),
        }
    );

    public static readonly ImportColumns<ItemLineInput> OfItems = new(
        new("itemId", ItemCells.Text((item, id) => item with { ItemId = id })) { IsRequired = true },
        new("tags", ItemCells.Texts((item, tags) => item with { Tags = tags })),
        new("attributes", ItemCells.Json<Dictionary<string, AttributeValue>>((item, attributes) => item with { Attributes = attributes }))
        {
            ReadKey = ItemCells.Feature(item => item.Attributes, (item, attributes) => item with { Attributes = attributes }),
        },
        new("available", ItemCells.Flag((item, available) => item with { Available = available })),
        new("metadata", ItemCells.Json<RawJsonObject>((item, metadata) => item with { Metadata = metadata }))
        {
            ReadKey = ItemCells.Property(item => item.Metadata, (item, metadata) => item with { Metadata = metadata }),
        }
    );
}
