using AuthApi.Api;
using AuthApi.Security;

namespace AuthApi.AccountPage;

/// <summary>Serves the page on which a person uses their account, by the calls that every client has.</summary>
internal static class AccountPage
{
    // Scripts and styles are files of its own, nothing is made of a text, and a QR code is an image in an address.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    /// <summary>Serves <c>/account/</c> where it is on, and leads a browser there from <c>/</c>. Elsewhere there is nothing at either.</summary>
    public static IApplicationBuilder UseAccountPage(this WebApplication app)
    {
        if (!app.Services.HasAccountPage())
        {
            return app;
        }

        var files = app.Services.GetRequiredService<AccountPageFiles>();
        return app.Use((context, next) =>
        {
            var request = context.Request;
            if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
            {
                return next(context);
            }

            if (request.Path.Value is "/account" || (request.Path.Value is "/" or "" && request.IsNavigation()))
            {
                context.RedirectTo("account/");
                return Task.CompletedTask;
            }

            // Written exactly so: another spelling would pass the rule of a proxy for /account.
            return files.Find(request.Path.Value!) is { } file && PlainPath.IsSent(context) ? SendAsync(context, file) : next(context);
        });
    }

    private static Task SendAsync(HttpContext context, AccountPageFile file)
    {
        context.Features.Set(new PageHeaders(Policy, file.CacheControl));
        var (request, response) = (context.Request, context.Response);
        var tag = $"\"{file.Hash}\"";
        response.Headers.ETag = tag;
        if (request.Headers.IfNoneMatch.ToString().Contains(tag, StringComparison.Ordinal))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = file.ContentType;
        response.ContentLength = file.Content.Length;
        return HttpMethods.IsHead(request.Method) ? Task.CompletedTask : response.Body.WriteAsync(file.Content).AsTask();
    }
}
