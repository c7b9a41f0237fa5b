namespace AuthApi.Startup;

/// <summary>A configured value with which the program does not start. The message is one line that begins with the key.</summary>
public sealed class ConfigurationException(string key, string reason) : Exception($"{key} {reason}");
