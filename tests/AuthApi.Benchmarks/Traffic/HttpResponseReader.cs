using System.Buffers.Text;
using System.Text;

namespace AuthApi.Benchmarks.Traffic;

/// <summary>Finds where an HTTP/1.1 response ends (RFC 9112, section 6), and its status.</summary>
internal static class HttpResponseReader
{
    /// <summary>Reads a response from the start of <paramref name="received"/>.</summary>
    /// <returns>Whether the whole response has arrived.</returns>
    /// <exception cref="InvalidDataException">It cannot be the start of a response on a connection that is kept open.</exception>
    public static bool TryRead(ReadOnlySpan<byte> received, out int status, out int length)
    {
        status = 0;
        length = 0;
        var headEnd = received.IndexOf("\r\n\r\n"u8);
        if (headEnd < 0)
        {
            return false;
        }

        var head = received[..headEnd];
        var bodyStart = headEnd + 4;
        status = ReadStatus(head);
        if (status == 204)
        {
            length = bodyStart;
            return true;
        }

        if (IsChunked(head))
        {
            if (!TryMeasureChunks(received[bodyStart..], out var chunks))
            {
                return false;
            }

            length = bodyStart + chunks;
            return true;
        }

        length = bodyStart + ReadContentLength(head);
        return received.Length >= length;
    }

    private static int ReadStatus(ReadOnlySpan<byte> head)
    {
        var version = "HTTP/1.1 "u8;
        return head.StartsWith(version) && Utf8Parser.TryParse(head[version.Length..], out int status, out var digits) && digits == 3
            ? status
            : throw new InvalidDataException("The response does not begin with a status line.");
    }

    private static bool IsChunked(ReadOnlySpan<byte> head) =>
        TryFind(head, "Transfer-Encoding"u8, out var encoding) && Ascii.EqualsIgnoreCase(encoding, "chunked"u8);

    private static int ReadContentLength(ReadOnlySpan<byte> head) =>
        TryFind(head, "Content-Length"u8, out var text)
        && Utf8Parser.TryParse(text, out int length, out var digits)
        && digits == text.Length
        && length >= 0
            ? length
            : throw new InvalidDataException("The response says neither how long it is nor that it is chunked.");

    private static bool TryFind(ReadOnlySpan<byte> head, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        var rest = head;
        while (true)
        {
            var lineEnd = rest.IndexOf("\r\n"u8);
            var line = lineEnd < 0 ? rest : rest[..lineEnd];
            if (line.Length > name.Length && line[name.Length] == ':' && Ascii.EqualsIgnoreCase(line[..name.Length], name))
            {
                value = line[(name.Length + 1)..].Trim(" \t"u8);
                return true;
            }

            if (lineEnd < 0)
            {
                value = default;
                return false;
            }

            rest = rest[(lineEnd + 2)..];
        }
    }

    private static bool TryMeasureChunks(ReadOnlySpan<byte> body, out int length)
    {
        length = 0;
        while (true)
        {
            var lineEnd = body[length..].IndexOf("\r\n"u8);
            if (lineEnd < 0)
            {
                return false;
            }

            // What follows the size on its line, a chunk extension, has no meaning here.
            if (!Utf8Parser.TryParse(body.Slice(length, lineEnd), out int size, out _, 'x') || size < 0)
            {
                throw new InvalidDataException("A chunk of the response does not begin with its size.");
            }

            length += lineEnd + 2;
            if (size == 0)
            {
                return TrySkipTrailers(body, ref length);
            }

            // The data, and the line end after it.
            length += size + 2;
            if (length > body.Length)
            {
                return false;
            }
        }
    }

    private static bool TrySkipTrailers(ReadOnlySpan<byte> body, ref int length)
    {
        while (true)
        {
            var lineEnd = body[length..].IndexOf("\r\n"u8);
            if (lineEnd < 0)
            {
                return false;
            }

            length += lineEnd + 2;
            if (lineEnd == 0)
            {
                return true;
            }
        }
    }
}
