using System.Security.Cryptography;
using AuthApi.Sessions;

namespace AuthApi.Tests.Sessions;

internal sealed class TokenHashTests
{
    [Test]
    public void BytesComeBackAsTheyWent()
    {
        var bytes = RandomNumberGenerator.GetBytes(TokenHash.Size);

        Assert.That(new TokenHash(bytes).ToArray(), Is.EqualTo(bytes));
    }

    [Test]
    public void HashesThatDifferInOneByteDiffer([Range(0, TokenHash.Size - 1)] int index)
    {
        var bytes = RandomNumberGenerator.GetBytes(TokenHash.Size);
        var hash = new TokenHash(bytes);
        var same = new TokenHash(bytes);
        bytes[index] ^= 1;

        Assert.That(same, Is.EqualTo(hash));
        Assert.That(same.GetHashCode(), Is.EqualTo(hash.GetHashCode()));
        Assert.That(new TokenHash(bytes), Is.Not.EqualTo(hash));
    }

    [TestCase(0)]
    [TestCase(31)]
    [TestCase(33)]
    public void AnythingButThirtyTwoBytesIsRefused(int length)
    {
        Assert.That(() => new TokenHash(new byte[length]), Throws.ArgumentException);
    }
}
