namespace AuthApi.Sessions;

/// <summary>
/// What a controller and the handler tell each other about a sign-in, with <c>SignInManager</c> between them: before it, how the
/// token is to travel; after it, which session was started, and the token where the client is to be handed it.
/// </summary>
internal sealed class SessionSignIn(SessionTransport transport)
{
    public SessionTransport Transport => transport;

    public UserSession? Session { get; private set; }

    public string? Token { get; private set; }

    public void Started(UserSession session, string? token) => (Session, Token) = (session, token);
}
