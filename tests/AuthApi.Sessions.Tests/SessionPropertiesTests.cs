using Microsoft.AspNetCore.Authentication;

namespace AuthApi.Sessions.Tests;

/// <summary>What sign-in and sign-out have in their properties.</summary>
internal sealed class SessionPropertiesTests
{
    [TestCase(SessionTransport.Cookie, true)]
    [TestCase(SessionTransport.Header, false)]
    public void Properties_say_transport_and_duration(SessionTransport transport, bool rememberMe)
    {
        var properties = SessionProperties.Create(transport, rememberMe);

        Assert.That(properties.GetTransport(), Is.EqualTo(transport));
        Assert.That(properties.IsPersistent, Is.EqualTo(rememberMe));
    }

    [Test]
    public void Properties_of_others_mean_a_cookie() =>
        Assert.That(new AuthenticationProperties().GetTransport(), Is.EqualTo(SessionTransport.Cookie));

    [Test]
    public void A_token_is_never_among_what_may_be_serialized()
    {
        var properties = SessionProperties.Create(SessionTransport.Header, rememberMe: false);
        properties.SetStarted(SessionExamples.New("1", TimeProvider.System.GetUtcNow()), "the token");

        Assert.That(properties.GetStartedSession()!.Token, Is.EqualTo("the token"));
        Assert.That(properties.Items.Values, Has.None.EqualTo("the token"));
    }

    [Test]
    public void Nothing_is_returned_before_a_sign_in_or_sign_out()
    {
        var properties = new AuthenticationProperties();

        Assert.That(properties.GetStartedSession(), Is.Null);
        Assert.That(() => properties.GetEndedSessions(), Throws.InvalidOperationException);
    }
}
