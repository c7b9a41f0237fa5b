using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AuthApi.Api;

/// <summary>
/// Writes an answer's JSON whole: with its length known, the head and the body leave in one packet, where chunks would take a second one to
/// say that they have ended.
/// </summary>
internal static class JsonBody
{
    private const int MaxKept = 16 * 1024; // in bytes

    // An answer is never part of a page, so only what JSON itself asks for is escaped.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [ThreadStatic]
    private static Scratch? _scratch;

    /// <summary>Writes <paramref name="value"/> as the answer's body, and sends it.</summary>
    /// <param name="response">The answer, which must not have started.</param>
    /// <param name="value">What to write.</param>
    /// <param name="type">How, by the code that the compiler has generated for its type.</param>
    /// <param name="contentType">The media type.</param>
    public static Task WriteJsonAsync(this HttpResponse response, object value, JsonTypeInfo type, string contentType)
    {
        var scratch = _scratch ??= new Scratch();
        try
        {
            JsonSerializer.Serialize(scratch.Writer, value, type);
            response.ContentType = contentType;
            response.ContentLength = scratch.Buffer.WrittenCount;
            response.BodyWriter.Write(scratch.Buffer.WrittenSpan);
        }
        finally
        {
            // Wiped: it may have been a token.
            scratch.Buffer.Clear();
            scratch.Writer.Reset();
            if (scratch.Buffer.Capacity > MaxKept)
            {
                _scratch = null;
            }
        }

        var sent = response.BodyWriter.FlushAsync();
        if (!sent.IsCompletedSuccessfully)
        {
            return sent.AsTask();
        }

        // Taken, as whoever gave it may use its source again.
        sent.GetAwaiter().GetResult();
        return Task.CompletedTask;
    }

    private sealed class Scratch
    {
        public Scratch() => Writer = new Utf8JsonWriter(Buffer, Options);

        public ArrayBufferWriter<byte> Buffer { get; } = new(1024);

        public Utf8JsonWriter Writer { get; }
    }
}
