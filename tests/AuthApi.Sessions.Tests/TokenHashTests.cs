using System.Security.Cryptography;

namespace AuthApi.Sessions.Tests;

internal sealed class TokenHashTests
{
    [Test]
    public void Bytes_round_trip()
    {
        var bytes = RandomNumberGenerator.GetBytes(TokenHash.Size);

        Assert.That(new TokenHash(bytes).ToArray(), Is.EqualTo(bytes));
    }

    [Test]
    public void Hashes_that_differ_in_one_byte_differ([Range(0, TokenHash.Size - 1)] int index)
    {
        var bytes = RandomNumberGenerator.GetBytes(TokenHash.Size);
        var hash = new TokenHash(bytes);
        var same = new TokenHash(bytes);
        bytes[index] ^= 1;

        Assert.That(same, Is.EqualTo(hash));
        Assert.That(same.GetHashCode(), Is.EqualTo(hash.GetHashCode()));
        Assert.That(new TokenHash(bytes), Is.Not.EqualTo(hash));
    }

    [TestCase("0000000000000001", 1)]
    [TestCase("0123456789abcdef", 0x0123456789abcdef)]
    [TestCase("ffffffffffffffff", -1)]
    [TestCase("8000000000000000", long.MinValue)]
    public void The_prefix_is_the_leading_number(string begin, long prefix)
    {
        var bytes = Convert.FromHexString(begin.PadRight(2 * TokenHash.Size, '5'));

        Assert.That(new TokenHash(bytes).Prefix, Is.EqualTo(prefix));
    }

    [TestCase(0)]
    [TestCase(31)]
    [TestCase(33)]
    public void Anything_but_32_bytes_is_refused(int length)
    {
        Assert.That(() => new TokenHash(new byte[length]), Throws.ArgumentException);
    }
}
