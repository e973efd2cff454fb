using System.Text;
using RecService.Api.Training;

namespace RecService.Api.Tests.Training;

public sealed class EntityListTests
{
    [Fact]
    public void Entities_come_back_as_they_were_added()
    {
        var entities = new EntityList();
        string IdOf(int n) => n % 5000 == 1 ? new string('ü', 128) + n : $"user-{n}";
        for (var n = 0; n < 10_000; n++)
        {
            entities.Add(Encoding.UTF8.GetBytes(IdOf(n)), n % 4096 == 4095 ? ["a", "b"] : [], n == 17 ? "{\"age\": 3}"u8 : "{}"u8);
        }

        entities.Count.ShouldBe(10_000);
        entities.Select(entity => entity.Id).ShouldBe(Enumerable.Range(0, 10_000).Select(IdOf));
        entities[4095].Tags.ShouldBe(["a", "b"]);
        entities[8191].Tags.ShouldBe(["a", "b"]);
        entities[4096].Tags.ShouldBeEmpty();
        entities[17].Values.ShouldHaveSingleItem().Key.ShouldBe("age");
        entities[18].Values.ShouldBeEmpty();
    }
}
