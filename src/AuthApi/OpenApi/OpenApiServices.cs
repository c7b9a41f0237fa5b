using AuthApi.Startup;

namespace AuthApi.OpenApi;

/// <summary>Registers the OpenAPI document and Swagger UI, where they are on.</summary>
public static class OpenApiServices
{
    public static IServiceCollection AddOpenApi(this IServiceCollection services, IConfiguration configuration, IHostEnvironment environment)
    {
        services.AddValidatedOptions<SwaggerOptions>(SwaggerOptions.Section);
        if (SwaggerUi.IsEnabled(configuration, environment))
        {
            services.AddApiDocument();
        }

        return services;
    }
}
