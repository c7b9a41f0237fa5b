using System.Diagnostics;
using AuthApi.Passwords;
using AuthApi.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthApi.Tests.Passwords;

/// <summary>Which new passwords are rejected, and for which reason (NIST SP 800-63B-4, 3.1.1.2).</summary>
internal sealed class GuessablePasswordTests
{
    private const string Repeats = "it repeats a short part";
    private const string Row = "it is a row of keys, letters or digits";
    private const string Common = "it is a common password, or made of common passwords";
    private const string Expected = "it is made of the e-mail address, the user name or the name of this service";

    private static readonly ApplicationUser Countess = new() { Email = "lovelace@example.com", UserName = "countess1" };

    private static readonly AccountPasswordValidator Validator = new(Options.Create(new AccountPasswordOptions()), new IdentityErrorDescriber());

    [TestCase("trombone lasagna keyboard")]
    [TestCase("coffee before everything")]
    [TestCase("three little pigs house")]
    [TestCase("blue bicycle in the rain")]
    [TestCase("my daughter plays violin")]
    [TestCase("correct horse battery staple")]
    [TestCase("the cat sat on the mat")]
    [TestCase("we walk home after dark")]
    [TestCase("every morning I drink tea")]
    [TestCase("grandmother bakes apple cake")]
    [TestCase("seven red balloons at noon")]
    [TestCase("a teapot under the western bridge")]
    [TestCase("no more meetings on fridays")]
    [TestCase("I left my keys at work")]
    [TestCase("winter is too long here")]
    [TestCase("our old car starts slowly")]
    [TestCase("summer rain on a tin roof")]
    [TestCase("my brother eats green soup")]
    [TestCase("please water the plants today")]
    [TestCase("purple elephants dance quietly")]
    [TestCase("river stones are always cold")]
    [TestCase("lovelace wrote the first program")]
    [TestCase("ha ha ha that was very funny")]
    [TestCase("der Hund schläft unter dem Tisch")]
    [TestCase("heute regnet es schon wieder")]
    [TestCase("meine Oma backt guten Kuchen")]
    [TestCase("das Fenster steht weit offen")]
    [TestCase("le chat dort sur le lit")]
    [TestCase("je bois du café le matin")]
    [TestCase("la maison est près du lac")]
    [TestCase("il pleut sur la ville ce soir")]
    [TestCase("el perro duerme en la cocina")]
    [TestCase("mi abuela cocina muy bien")]
    [TestCase("il gatto dorme sul divano")]
    [TestCase("a minha casa fica na praia")]
    [TestCase("de fiets staat in de regen")]
    [TestCase("katten sover på soffan idag")]
    [TestCase("кошка спит на старом диване")]
    [TestCase("мы пьём чай каждый вечер")]
    [TestCase("我每天早上都喝一杯热咖啡然后去上班")]
    [TestCase("今日は雨が降っているので家にいます")]
    [TestCase("나는 매일 아침 커피를 마시고 일한다")]
    [TestCase("القطة تنام على الأريكة كل يوم")]
    [TestCase("मेरी दादी अच्छा खाना बनाती हैं")]
    [TestCase("ο σκύλος κοιμάται στην κουζίνα")]
    [TestCase("xk7vq2mzp4wlr9tb", Description = "of a password manager")]
    [TestCase("31415926535897932384626")]
    [TestCase("🔑🐢🍋🚲🎺🧊🪁🌵🐝🧲🎲🥁🪐🦉🧵")]
    [TestCase("{%)!~`(}[^&=]/;?$<")]
    public async Task A_sentence_or_anything_uncommon_is_a_password(string password)
    {
        Assert.That(await ErrorAsync(password), Is.Null);
    }

    [TestCase("passwordpassword1", Common)]
    [TestCase("letmeinletmein2024!", Common)]
    [TestCase("qwertyuiopasdfgh", Common)]
    [TestCase("monkey dragon sunshine", Common)]
    [TestCase("p a s s w o r d 1 2 3", Common)]
    [TestCase("Password123456789", Common)]
    [TestCase("Pa$$w0rd-P@ssword1", Common)]
    [TestCase("password password", Common)]
    [TestCase("password.password", Common)]
    [TestCase("1drowssapdrowssap", Common, Description = "backwards")]
    [TestCase("Welcome2024!2024", Common)]
    [TestCase("Football2024!!!!", Common)]
    [TestCase("iloveyou20241231", Common)]
    [TestCase("!!!!!!!!password", Common)]
    [TestCase("dragondragondragon7", Common)]
    [TestCase("SunshineSunshine12", Common)]
    [TestCase("letmein password 1", Common)]
    [TestCase("trustno1trustno1!!", Common)]
    [TestCase("footballbaseball1", Common)]
    [TestCase("asdfasdfasdfasdf1", Common)]
    [TestCase("ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ1", Common, Description = "wide letters")]
    [TestCase("123456789012345", Row)]
    [TestCase("abcdefghijklmnop", Row)]
    [TestCase("zyxwvutsrqponmlk", Row)]
    [TestCase("1qaz2wsx3edc4rfv", Row)]
    [TestCase("1q2w3e4r5t6y7u8i", Row)]
    [TestCase("qazwsxedcrfvtgby", Row)]
    [TestCase("qwertz12345678901", Row)]
    [TestCase("йцукенгшщзхъ12345", Row)]
    [TestCase("aaaaaaaaaaaaaaaa", Repeats)]
    [TestCase("               ", Repeats)]
    [TestCase("🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑", Repeats)]
    [TestCase("aaaaaaaabbbbbbbb", Repeats)]
    [TestCase("abababababababab", Repeats)]
    [TestCase("hahahahahahahahaha1", Repeats)]
    [TestCase("00000000000000001", Repeats)]
    [TestCase("20240101 20240102", Repeats)]
    [TestCase("passwordpassword", Repeats)]
    [TestCase("Summer2024!Summer2024!", Repeats)]
    [TestCase("пароль пароль пароль", Repeats)]
    [TestCase("lovelace@example.com", Expected)]
    [TestCase("Lovelace1815!!!!", Expected)]
    [TestCase("lovelace 1815 1852", Expected)]
    [TestCase("countess1countess", Expected)]
    [TestCase("my lovelace login", Expected)]
    [TestCase("AuthApiAuthApi1", Expected)]
    [TestCase("auth_api_password", Expected)]
    [TestCase("AUTH-API-LOGIN-2026", Expected)]
    public async Task A_password_that_is_tried_early_is_refused_with_why(string password, string reason)
    {
        Assert.That(await ErrorAsync(password), Is.EqualTo($"This password is easy to guess: {reason}."));
    }

    [TestCase("a", 1024)]
    [TestCase("ab", 512)]
    [TestCase("passwordx", 113)]
    [TestCase("lovelace", 128)]
    [TestCase("api", 341)]
    [TestCase("qwertyuiop", 102)]
    [TestCase("xk7vq2mzp4wlr9tb", 64)]
    [TestCase("e\u0301", 512)]
    public async Task The_longest_passwords_are_checked_in_no_time(string part, int times)
    {
        var password = string.Concat(Enumerable.Repeat(part, times)) + "!";
        await ErrorAsync(password);

        var startedAt = Stopwatch.GetTimestamp();
        for (var i = 0; i < 10; i++)
        {
            await ErrorAsync(password);
        }

        // A check takes a millisecond or two; with the square of the length it would take seconds.
        Assert.That(Stopwatch.GetElapsedTime(startedAt), Is.LessThan(TimeSpan.FromSeconds(1)));
    }

    private static async Task<string?> ErrorAsync(string password) =>
        (await Validator.ValidateAsync(null!, Countess, password)).Errors.SingleOrDefault()?.Description;
}
