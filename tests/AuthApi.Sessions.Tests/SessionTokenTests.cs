using System.Security.Cryptography;
using System.Text.Json;

namespace AuthApi.Sessions.Tests;

internal sealed class SessionTokenTests
{
    [Test]
    public void A_token_is_43_characters_of_base64url()
    {
        Assert.That(SessionToken.Create().Reveal(), Does.Match("^[A-Za-z0-9_-]{43}$"));
    }

    [Test]
    public void Tokens_are_distinct_and_every_bit_is_set_in_half_of_them()
    {
        const int count = 10_000;
        var seen = new HashSet<string>();
        var ones = new int[256];
        for (var i = 0; i < count; i++)
        {
            var text = SessionToken.Create().Reveal();
            seen.Add(text);
            var bytes = System.Buffers.Text.Base64Url.DecodeFromChars(text);
            for (var bit = 0; bit < ones.Length; bit++)
            {
                ones[bit] += (bytes[bit / 8] >> (bit % 8)) & 1;
            }
        }

        Assert.That(seen, Has.Count.EqualTo(count));

        // Six standard deviations of a fair coin are 3 in a hundred here.
        Assert.That(ones, Is.All.InRange(count * 47 / 100, count * 53 / 100));
    }

    [Test]
    public void A_token_that_is_parsed_has_the_same_hash()
    {
        var token = SessionToken.Create();

        Assert.That(SessionToken.TryParse(token.Reveal(), out var parsed), Is.True);
        Assert.That(parsed.Hash, Is.EqualTo(token.Hash));
        Assert.That(parsed.Reveal(), Is.EqualTo(token.Reveal()));
    }

    [Test]
    public void The_hash_is_the_SHA_256_of_the_tokens_bytes()
    {
        var text = new string('A', 43);

        Assert.That(SessionToken.TryParse(text, out var token), Is.True);
        Assert.That(token.Hash.ToArray(), Is.EqualTo(SHA256.HashData(new byte[32])));
    }

    [TestCase("", Description = "nothing")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Description = "one short")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Description = "one long")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Description = "padding")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Description = "a token and padding")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", Description = "spare bits that are not zero")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A", Description = "base64, not base64url")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/AA", Description = "base64, not base64url")]
    [TestCase(" AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Description = "white space before")]
    [TestCase("AAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAAA", Description = "white space within")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0A", Description = "NUL")]
    [TestCase("АААААААААААААААААААААААААААААААААААААААААAA", Description = "Cyrillic")]
    public void Any_other_spelling_is_refused(string text)
    {
        Assert.That(SessionToken.TryParse(text, out _), Is.False);
    }

    [Test]
    public void A_token_has_one_spelling()
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        var text = SessionToken.Create().Reveal();

        var hashes = alphabet
            .Where(last => SessionToken.TryParse(text[..^1] + last, out _))
            .Select(last => SessionToken.TryParse(text[..^1] + last, out var token) ? token.Hash : default)
            .ToList();

        // 16 last characters make 16 different tokens; the other 48 make none.
        Assert.That(hashes, Has.Count.EqualTo(16));
        Assert.That(hashes, Is.Unique);
    }

    [Test]
    public void A_token_never_prints_itself()
    {
        var token = SessionToken.Create();

        Assert.That(token.ToString(), Is.EqualTo("SessionToken"));
        Assert.That($"{token}", Does.Not.Contain(token.Reveal()));
        Assert.That(JsonSerializer.Serialize(token), Does.Not.Contain(token.Reveal()));
    }
}
