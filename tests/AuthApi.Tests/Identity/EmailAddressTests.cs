using AuthApi.Identity;

namespace AuthApi.Tests.Identity;

internal sealed class EmailAddressTests
{
    [TestCase("ada@example.com", "ADA@EXAMPLE.COM")]
    [TestCase("  Ada@Example.COM\t", "ADA@EXAMPLE.COM")]
    [TestCase("anna@bücher.example", "ANNA@XN--BCHER-KVA.EXAMPLE")]
    [TestCase("anna@BÜCHER.example", "ANNA@XN--BCHER-KVA.EXAMPLE")]
    [TestCase("anna@bu\u0308cher.example", "ANNA@XN--BCHER-KVA.EXAMPLE")]
    [TestCase("anna@XN--bcher-kva.example", "ANNA@XN--BCHER-KVA.EXAMPLE")]
    [TestCase("anna@bücher。example", "ANNA@XN--BCHER-KVA.EXAMPLE")]
    [TestCase("e\u0301va@example.com", "\u00c9VA@EXAMPLE.COM")]
    [TestCase("anna@example.com.", "ANNA@EXAMPLE.COM")]
    [TestCase("not an address", "NOT AN ADDRESS")]
    [TestCase("ada", "ADA")]
    public void One_mailbox_has_one_normalized_form(string typed, string normalized)
    {
        Assert.That(EmailAddress.Normalize(typed), Is.EqualTo(normalized));
    }

    [TestCase("ada@example.com")]
    [TestCase(" ada@example.com ")]
    [TestCase("o'brien+tag@example.co.uk")]
    [TestCase("δοκιμή@παράδειγμα.δοκιμή")]
    [TestCase("ada@localhost")]
    [TestCase("1234567890123456789012345678901234567890123456789012345678901234@example.com")]
    [TestCase("ada@123456789012345678901234567890123456789012345678901234567890123.com")]
    public void An_address_that_mail_reaches_is_taken(string address)
    {
        Assert.That(EmailAddress.FindError(address), Is.Null);
    }

    [TestCase("12345678901234567890123456789012345678901234567890123456789012345@example.com", "What is before the @ must have at most 64 characters.")]
    [TestCase("ada@1234567890123456789012345678901234567890123456789012345678901234.com", "Each part of the domain must have at most 63 characters.")]
    [TestCase("\"ada\"@example.com", "An address with quotes is not supported.")]
    [TestCase("ada@example.com.", "The domain must not end with a dot.")]
    [TestCase("ada..l@example.com", "This is not an e-mail address.")]
    [TestCase(".ada@example.com", "This is not an e-mail address.")]
    [TestCase("ada@example..com", "This is not an e-mail address.")]
    [TestCase("ada@-example.com", "This is not an e-mail address.")]
    [TestCase("ada@[127.0.0.1]", "This is not an e-mail address.")]
    [TestCase("ada@xn--bucher-xyd.example", "This is not an e-mail address.", Description = "Punycode of what is not in the normal form")]
    [TestCase("ada@exam\u200bple.com", "This is not an e-mail address.", Description = "a character that is not seen")]
    [TestCase("a\u200bda@example.com", "This is not an e-mail address.")]
    [TestCase("ada\ud800@example.com", "This is not an e-mail address.")]
    [TestCase("ada@ex\uffffample.com", "This is not an e-mail address.")]
    public void Another_address_is_refused_with_a_reason(string address, string error)
    {
        Assert.That(EmailAddress.FindError(address), Is.EqualTo(error));
    }

    [Test]
    public void An_address_has_at_most_254_characters()
    {
        var domain = string.Join('.', Enumerable.Repeat(new string('a', 59), 4));
        var maximal = $"{new string('b', 254 - 1 - domain.Length)}@{domain}";

        Assert.That(maximal, Has.Length.EqualTo(254));
        Assert.That(EmailAddress.FindError(maximal), Is.Null);
        Assert.That(EmailAddress.FindError($" {maximal} "), Is.Null, "without the spaces around it");
        Assert.That(EmailAddress.FindError($"b{maximal}"), Is.EqualTo("This is not an e-mail address."));
    }

    [TestCase("ada@example.com", "ADA@EXAMPLE.COM")]
    [TestCase("anna@bücher.example", "ANNA@XN--BCHER-KVA.EXAMPLE", "ANNA@BÜCHER.EXAMPLE")]
    [TestCase("anna@xn--bcher-kva.example", "ANNA@XN--BCHER-KVA.EXAMPLE", "ANNA@BÜCHER.EXAMPLE")]
    public void Accounts_of_earlier_versions_are_found(string typed, params string[] forms)
    {
        Assert.That(EmailAddress.IndexedForms(typed), Is.EqualTo(forms));
    }
}
