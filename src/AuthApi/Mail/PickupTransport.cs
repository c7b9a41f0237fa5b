using MimeKit;

namespace AuthApi.Mail;

/// <summary>Writes each message as an <c>.eml</c> file, readable by its owner alone, which appears under its name when it is whole.</summary>
internal sealed class PickupTransport(string folder, TimeProvider time) : IMailTransport
{
    public string Target => Path.GetFullPath(folder);

    public async Task SendAsync(MimeMessage message, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        // In the order of writing; the same message has the same name at each attempt but for its time.
        var name = Path.Combine(folder, $"{time.GetUtcNow():yyyyMMdd-HHmmss-fff}-{message.MessageId!.Split('@')[0]}");
        await using (var file = new FileStream(name + ".part", options))
        {
            await message.WriteToAsync(file, cancellationToken);
        }

        File.Move(name + ".part", name + ".eml", overwrite: true);
    }

    public Task CloseAsync() => Task.CompletedTask;
}
