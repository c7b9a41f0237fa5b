using System.Text;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Formatters;
using Microsoft.Net.Http.Headers;

namespace AuthApi.Api;

/// <summary>
/// Reads bodies of <c>application/json</c>, and of no type derived from it, in UTF-8, the one encoding of JSON (RFC 8259, 8.1). A <c>charset</c>
/// beside the type has no effect (RFC 8259, 11). A body in another encoding is a 400.
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
        && type.MediaType.Equals(MediaType, StringComparison.OrdinalIgnoreCase);

    public override Task<InputFormatterResult> ReadRequestBodyAsync(InputFormatterContext context) => ReadRequestBodyAsync(context, Encoding.UTF8);
}
