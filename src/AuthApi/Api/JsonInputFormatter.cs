using System.Text;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Formatters;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Api;

/// <summary>
/// Reads bodies of <c>application/json</c>, and of no type derived from it, in UTF-8, the one encoding of JSON (RFC 8259, 8.1). Some clients
/// spell it <c>utf8</c>, which .NET knows no encoding by.
/// </summary>
internal sealed class JsonInputFormatter : SystemTextJsonInputFormatter
{
    private const string MediaType = "application/json";

    public JsonInputFormatter(JsonOptions options, ILogger<SystemTextJsonInputFormatter> logger) : base(options, logger)
    {
        SupportedMediaTypes.Clear();
        SupportedMediaTypes.Add(MediaType);
    }

    public override bool CanRead(InputFormatterContext context) =>
        MediaTypeHeaderValue.TryParse(context.HttpContext.Request.ContentType, out var type)
        && type.MediaType.Equals(MediaType, StringComparison.OrdinalIgnoreCase)
        && (type.Charset.Length == 0 || IsUtf8(HeaderUtilities.RemoveQuotes(type.Charset)));

    public override Task<InputFormatterResult> ReadRequestBodyAsync(InputFormatterContext context) => ReadRequestBodyAsync(context, Encoding.UTF8);

    private static bool IsUtf8(Microsoft.Extensions.Primitives.StringSegment charset) =>
        charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || charset.Equals("utf8", StringComparison.OrdinalIgnoreCase);
}
