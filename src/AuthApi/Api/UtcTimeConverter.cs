using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuthApi.Api;

/// <summary>Writes times as RFC 3339 in UTC with three digits of a second: <c>2026-03-01T12:00:00.000Z</c>. The stock converter writes as many digits as there are.</summary>
internal sealed class UtcTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
    {
        // 2026-03-01T12:00:00.0000000Z, and then without its last four digits.
        Span<byte> text = stackalloc byte[28];
        value.UtcDateTime.TryFormat(text, out _, "O", CultureInfo.InvariantCulture);
        text[23] = (byte)'Z';
        writer.WriteStringValue(text[..24]);
    }
}
