namespace AuthApi.Sessions;

/// <summary>The store could not be reached or did not answer in time: nothing is known of the outcome, and the client may try again.</summary>
public sealed class StoreUnavailableException : Exception
{
    /// <summary>Creates the exception.</summary>
    public StoreUnavailableException()
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What could not be reached.</param>
    public StoreUnavailableException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What could not be reached.</param>
    /// <param name="innerException">What the database's provider said.</param>
    public StoreUnavailableException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
