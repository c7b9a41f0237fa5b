using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuthApi.Api;

/// <summary>
/// Writes the values of an enum by their names, by <paramref name="naming"/>, and reads nothing but these: the stock converter also takes
/// other cases, and several names with commas between them.
/// </summary>
internal class ExactEnumConverter(JsonNamingPolicy naming) : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(Converter<>).MakeGenericType(typeToConvert), naming)!;

    private sealed class Converter<TEnum>(JsonNamingPolicy naming) : JsonConverter<TEnum>
        where TEnum : struct, Enum
    {
        private readonly Dictionary<string, TEnum> _values =
            Enum.GetValues<TEnum>().ToDictionary(value => naming.ConvertName(value.ToString()), StringComparer.Ordinal);

        private readonly Dictionary<TEnum, string> _names =
            Enum.GetValues<TEnum>().ToDictionary(value => value, value => naming.ConvertName(value.ToString()));

        public override TEnum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String && _values.TryGetValue(reader.GetString()!, out var value) ? value : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, TEnum value, JsonSerializerOptions options) => writer.WriteStringValue(_names[value]);
    }
}

/// <summary>Has an enum read and written so by whatever options it meets, which may be those of another application.</summary>
internal sealed class CamelCaseEnumConverter() : ExactEnumConverter(JsonNamingPolicy.CamelCase);
