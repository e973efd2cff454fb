using System.Globalization;
using System.Text;
using RecService.Engine.Data.Text;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Data.Text;

public sealed class NumberTextTests
{
    [Theory]
    [InlineData("0")]
    [InlineData("-0")]
    [InlineData("+1")]
    [InlineData("007")]
    [InlineData("4.5")]
    [InlineData("0.333333")]
    [InlineData("-2e-3")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("-.5E+2")]
    [InlineData("16777217")]
    [InlineData("16777219")]
    [InlineData("9007199254740993")]
    [InlineData("16777217.0000000000000000000000000000000000001")]
    [InlineData("0.000000000000000000000000000000000000000000001401298464324817")]
    [InlineData("7e-46")]
    [InlineData("7.1e-46")]
    [InlineData("1.1754943e-38")]
    [InlineData("1.17549429e-38")]
    [InlineData("3.4028235e38")]
    [InlineData("3.40282356e38")]
    [InlineData("1e-9999999999")]
    [InlineData("0e9999999999")]
    [InlineData("123456789012345678901234567890")]
    [InlineData("0.1e1")]
    [InlineData("1e22")]
    [InlineData("1e23")]
    public void A_literal_becomes_what_the_framework_makes_of_it(string literal)
    {
        ShouldBeAsParsed(literal);
    }

    [Fact]
    public void Random_literals_become_what_the_framework_makes_of_them()
    {
        var random = new RandomSource(11);
        for (var n = 0; n < 200_000; n++)
        {
            ShouldBeAsParsed(Literal(random));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("+")]
    [InlineData("-")]
    [InlineData(".")]
    [InlineData("e5")]
    [InlineData("1e")]
    [InlineData("1e+")]
    [InlineData("1e5.5")]
    [InlineData("--1")]
    [InlineData("1-")]
    [InlineData("1.2.3")]
    [InlineData("0x10")]
    [InlineData("1,5")]
    [InlineData("1_000")]
    [InlineData("1:2")]
    [InlineData("1\r")]
    [InlineData("1\0")]
    [InlineData("1\v")]
    [InlineData("\u0661")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-∞")]
    [InlineData("1e39")]
    [InlineData("-3.4028236e38")]
    [InlineData("1e9999999999")]
    public void What_is_not_a_finite_number_is_refused(string text)
    {
        var at = 0;

        NumberText.TryReadFloat(Encoding.UTF8.GetBytes(text), ref at, out _).ShouldBeFalse();
        at.ShouldBe(0);
    }

    [Fact]
    public void A_number_ends_at_a_blank_or_a_comment()
    {
        foreach (var (text, end) in new[] { ("2 3", 1), ("25\t3", 2), ("0.5#3", 3), ("123456789012345678901234567890 ", 30) })
        {
            var at = 0;
            NumberText.TryReadFloat(Encoding.UTF8.GetBytes(text), ref at, out _).ShouldBeTrue();
            at.ShouldBe(end);
        }
    }

    [Fact]
    public void Indices_of_any_length_are_read()
    {
        var random = new RandomSource(12);
        for (var n = 0; n < 20_000; n++)
        {
            var index = (int)(random.Next() >> (33 + random.Below(31)));
            var text = new string('0', random.Below(12)) + index.ToString(CultureInfo.InvariantCulture);
            var line = Encoding.UTF8.GetBytes("9" + text + ":" + new string('x', random.Below(12)));
            var at = 1;

            NumberText.TryReadIndex(line, int.MaxValue, ref at, out var read).ShouldBeTrue(text);

            read.ShouldBe(index);
            at.ShouldBe(text.Length + 2);
        }
    }

    [Theory]
    [InlineData(":")]
    [InlineData("1")]
    [InlineData("1234567890")]
    [InlineData("12 :1")]
    [InlineData("-1:2")]
    [InlineData("+1:2")]
    [InlineData("1.5:2")]
    [InlineData("65536:1")]
    [InlineData("65536:12345678")]
    [InlineData("1234567:12345678")]
    [InlineData("12345678:12345678")]
    [InlineData("99999999999999999999999999:1")]
    [InlineData("/:12345678")]
    [InlineData("1;12345678")]
    [InlineData("1\u0661:1234567")]
    public void What_is_not_an_index_within_the_bound_is_refused(string text)
    {
        var at = 0;

        NumberText.TryReadIndex(Encoding.UTF8.GetBytes(text), 65535, ref at, out _).ShouldBeFalse();
    }

    private static void ShouldBeAsParsed(string literal)
    {
        var expected = float.Parse(literal, NumberStyles.Float, CultureInfo.InvariantCulture);
        var at = 0;

        var understood = NumberText.TryReadFloat(Encoding.UTF8.GetBytes(literal), ref at, out var value);

        understood.ShouldBe(float.IsFinite(expected), literal);
        if (understood && (BitConverter.SingleToInt32Bits(value) != BitConverter.SingleToInt32Bits(expected) || at != literal.Length))
        {
            Assert.Fail($"{literal} was read as {value:R} to byte {at}, not as {expected:R}.");
        }
    }

    private static string Literal(RandomSource random)
    {
        var invariant = CultureInfo.InvariantCulture;
        var single = BitConverter.UInt32BitsToSingle((uint)random.Next());
        if (!float.IsFinite(single))
        {
            single = 1;
        }

        var wide = single * (1 + ((random.NextDouble() - 0.5) * 1e-6));
        // The decimal fraction of the middle between two floats, on which rounding turns.
        var middle = ((double)single + MathF.BitIncrement(single)) / 2;
        return random.Below(8) switch
        {
            0 => single.ToString(invariant),
            1 => single.ToString("E" + random.Below(12), invariant),
            2 => wide.ToString(invariant),
            3 => wide.ToString("E" + random.Below(30), invariant),
            4 => double.IsFinite(middle) ? middle.ToString("E" + (10 + random.Below(60)), invariant) : "1",
            5 => (random.NextDouble() * Math.Pow(10, random.Below(9))).ToString("F" + random.Below(15), invariant),
            6 => (random.Next() >> random.Below(64)).ToString(invariant) + "." + random.Below(1_000_000).ToString("D" + random.Below(7), invariant),
            _ => $"{(random.Below(2) == 0 ? "-" : "+")}{random.Below(100_000)}.{random.Next() >> random.Below(64)}e{random.Below(100) - 50}",
        };
    }
}
