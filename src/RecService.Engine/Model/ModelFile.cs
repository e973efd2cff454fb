using RecService.Engine.Data;
namespace RecService.Engine.Model;

public static class ModelFile
{
    public static void Save(Stream stream, FactorizationModel model)
    {
        using var w = new BinaryWriter(stream, System.Text.Encoding.UTF8, true);
        var s = model.Space;
        w.Write(s.FieldCount); foreach (var f in s.Fields) w.Write(f);
        w.Write(s.ColumnCount); for (var c = 0; c < s.ColumnCount; c++) { w.Write(s.ColumnFields[c]); w.Write(s.FactorOf(c)); }
        w.Write((int)model.Interaction); w.Write((int)model.Loss); w.Write(model.Factors); w.Write(model.Bias); w.Write(model.TargetMinimum); w.Write(model.TargetMaximum);
        for (var c = 0; c < s.ColumnCount; c++) { w.Write(model.Weights[c]); foreach (var x in model.FactorsOf(c)) w.Write(x); }
        model.Features!.Write(w);
    }
    public static FactorizationModel Load(Stream stream)
    {
        using var r = new BinaryReader(stream, System.Text.Encoding.UTF8, true);
        var fields = new string[r.ReadInt32()]; for (var i = 0; i < fields.Length; i++) fields[i] = r.ReadString();
        var n = r.ReadInt32(); var cf = new int[n]; var cv = new int[n]; for (var i = 0; i < n; i++) { cf[i] = r.ReadInt32(); cv[i] = r.ReadInt32(); }
        var space = new FeatureSpace(fields, cf, cv);
        var inter = (FeatureInteraction)r.ReadInt32(); var loss = (Loss)r.ReadInt32(); var k = r.ReadInt32(); var bias = r.ReadSingle(); var lo = r.ReadSingle(); var hi = r.ReadSingle();
        var stride = FactorizationModel.StrideOf(k); var w = new float[n]; var v = new float[space.FactorCount * stride];
        for (var i = 0; i < n; i++) { w[i] = r.ReadSingle(); for (var d = 0; d < k; d++) v[cv[i] * stride + d] = r.ReadSingle(); }
        return new(space, inter, loss, k, bias, w, v, lo, hi, FeatureIndex.Read(r));
    }
}
public sealed class ModelFormatException : Exception { public ModelFormatException() { } public ModelFormatException(string m) : base(m) { } public ModelFormatException(string m, Exception e) : base(m, e) { } }
