namespace AuthApi.Sessions;

/// <summary>Sessions cannot be served as the application is set up. The message is one line that says what to write instead; the start fails with it.</summary>
public sealed class SessionSetupException : InvalidOperationException
{
    /// <summary>Creates the exception.</summary>
    public SessionSetupException()
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What to write instead, in one line.</param>
    public SessionSetupException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What to write instead, in one line.</param>
    /// <param name="innerException">What was found.</param>
    public SessionSetupException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
