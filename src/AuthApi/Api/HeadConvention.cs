using Microsoft.AspNetCore.Mvc.ActionConstraints;
using Microsoft.AspNetCore.Mvc.ApplicationModels;

namespace AuthApi.Api;

/// <summary>Serves HEAD wherever GET is served (RFC 9110, 9.1). The server sends no body.</summary>
internal sealed class HeadConvention : IActionModelConvention
{
    public void Apply(ActionModel action)
    {
        foreach (var selector in action.Selectors)
        {
            for (var i = 0; i < selector.ActionConstraints.Count; i++)
            {
                if (selector.ActionConstraints[i] is HttpMethodActionConstraint constraint && IsGetOnly(constraint.HttpMethods))
                {
                    selector.ActionConstraints[i] = new HttpMethodActionConstraint([HttpMethods.Get, HttpMethods.Head]);
                }
            }

            for (var i = 0; i < selector.EndpointMetadata.Count; i++)
            {
                if (selector.EndpointMetadata[i] is HttpMethodMetadata metadata && IsGetOnly(metadata.HttpMethods))
                {
                    selector.EndpointMetadata[i] = new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]);
                }
            }
        }
    }

    private static bool IsGetOnly(IEnumerable<string> methods) => methods.SequenceEqual([HttpMethods.Get]);
}
