using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuthApi.Api;

/// <summary>
/// Writes the values of an enum by their names, by <paramref name="naming"/>, and reads these in any case. The stock converter also reads several
/// names with commas between them, and does not say which names there are.
/// </summary>
internal sealed class EnumNameConverter(JsonNamingPolicy naming) : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(Converter<>).MakeGenericType(typeToConvert), naming)!;

    private sealed class Converter<TEnum>(JsonNamingPolicy naming) : JsonConverter<TEnum>
        where TEnum : struct, Enum
    {
        private readonly Dictionary<string, TEnum> _values =
            Enum.GetValues<TEnum>().ToDictionary(value => naming.ConvertName(value.ToString()), StringComparer.OrdinalIgnoreCase);

        private readonly Dictionary<TEnum, string> _names =
            Enum.GetValues<TEnum>().ToDictionary(value => value, value => naming.ConvertName(value.ToString()));

        public override TEnum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String && _values.TryGetValue(reader.GetString()!, out var value)
                ? value
                : throw new InvalidValueException($"This must be {Sentence([.. _names.Values])}.");

        public override void Write(Utf8JsonWriter writer, TEnum value, JsonSerializerOptions options) => writer.WriteStringValue(_names[value]);

        // "a", "a or b", "a, b or c".
        private static string Sentence(string[] names) =>
            names.Length == 1 ? names[0] : $"{string.Join(", ", names[..^1])} or {names[^1]}";
    }
}

/// <summary>A value in JSON does not fit its field, and the message says so to the client.</summary>
internal sealed class InvalidValueException(string message) : JsonException(message);
