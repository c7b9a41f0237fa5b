using System.Globalization;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AuthApi.OpenApi;

/// <summary>Describes once each problem that several calls answer, under the name of its codes (<c>NotAuthenticated</c>); the calls refer to it.</summary>
internal sealed class SharedAnswersFilter : IDocumentFilter
{
    public const string ProblemContent = "application/problem+json";

    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        var shared = swaggerDoc.Components!.Responses = new SortedDictionary<string, IOpenApiResponse>(StringComparer.Ordinal);
        var answers = swaggerDoc.Paths.Values
            .SelectMany(path => path.Operations!.Values)
            .SelectMany(operation => operation.Responses!, (operation, answer) => (Of: operation.Responses!, Status: answer.Key, Answer: answer.Value))
            .Where(place => place.Answer.Content?.ContainsKey(ProblemContent) == true)
            .GroupBy(place => (place.Status, place.Answer.Description, place.Answer.Content![ProblemContent].Example?.ToJsonString()))
            .ToList();

        foreach (var answer in answers.Where(answer => answer.Count() > 1))
        {
            // Another text for the same codes has a number in its name.
            var codes = string.Join("Or", ProblemExamples.CodesOf(answer.Key.Description!).Select(Pascal));
            var name = codes;
            for (var number = 2; !shared.TryAdd(name, answer.First().Answer); number++)
            {
                name = string.Create(CultureInfo.InvariantCulture, $"{codes}{number}");
            }

            foreach (var place in answer)
            {
                place.Of[place.Status] = new OpenApiResponseReference(name, swaggerDoc);
            }
        }
    }

    private static string Pascal(string code) => string.Concat(code.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
}
