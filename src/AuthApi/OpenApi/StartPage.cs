using AuthApi.Api;

namespace AuthApi.OpenApi;

/// <summary>Serves what a developer's browser asks for at the address that the console prints.</summary>
internal static class StartPage
{
    /// <summary>In Development, leads a browser from <c>/</c> to Swagger UI where it is on, and answers <c>/favicon.ico</c> with nothing. Elsewhere both are a 404.</summary>
    public static IApplicationBuilder UseStartPage(this WebApplication app)
    {
        if (!app.Environment.IsDevelopment())
        {
            return app;
        }

        var leadsToSwagger = SwaggerUi.IsEnabled(app.Configuration, app.Environment);
        return app.Use((context, next) =>
        {
            var request = context.Request;
            if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
            {
                return next(context);
            }

            switch (request.Path.Value)
            {
                case "/" or "" when leadsToSwagger && request.IsNavigation():
                    context.RedirectTo("swagger/");
                    return Task.CompletedTask;
                case "/favicon.ico":
                    context.Response.StatusCode = StatusCodes.Status204NoContent;
                    return Task.CompletedTask;
                default:
                    return next(context);
            }
        });
    }
}
