using System.Linq;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthApi.Storage.Migrations.Sqlite
{
    // By hand: the rows that are there get the key that their token's hash begins with.
    /// <inheritdoc />
    public partial class FewerSessionIndexes : Migration
    {
        // SQLite makes no number of bytes, so it is put together from their hexadecimal digits.
        private static readonly string Key = string.Join(
            " | ",
            Enumerable.Range(0, 16).Select(digit => $"(instr('0123456789ABCDEF', substr(hex(TokenHash), {digit + 1}, 1)) - 1 << {60 - (4 * digit)})"));

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                $"""
                CREATE TABLE "New_UserSessions" (
                    "Key" INTEGER NOT NULL CONSTRAINT "PK_UserSessions" PRIMARY KEY,
                    "Id" TEXT NOT NULL,
                    "UserId" INTEGER NOT NULL,
                    "TokenHash" BLOB NOT NULL,
                    "CreatedAt" INTEGER NOT NULL,
                    "LastSeenAt" INTEGER NOT NULL,
                    "IdleExpiresAt" INTEGER NOT NULL,
                    "AbsoluteExpiresAt" INTEGER NOT NULL,
                    "AuthenticatedAt" INTEGER NOT NULL,
                    "AuthenticationMethods" TEXT NOT NULL,
                    "Transport" TEXT NOT NULL,
                    "RememberMe" INTEGER NOT NULL,
                    "IpAddress" TEXT NULL,
                    "UserAgent" TEXT NULL,
                    CONSTRAINT "FK_UserSessions_AspNetUsers_UserId" FOREIGN KEY ("UserId") REFERENCES "AspNetUsers" ("Id") ON DELETE CASCADE
                );

                INSERT INTO "New_UserSessions" (
                    "Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
                    "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent")
                SELECT
                    {Key}, "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
                    "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent"
                FROM "UserSessions"
                ORDER BY 1;

                DROP TABLE "UserSessions";
                ALTER TABLE "New_UserSessions" RENAME TO "UserSessions";
                """);

            migrationBuilder.CreateIndex(
                name: "IX_UserSessions_UserId_Id",
                table: "UserSessions",
                columns: new[] { "UserId", "Id" },
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                CREATE TABLE "New_UserSessions" (
                    "Id" TEXT NOT NULL CONSTRAINT "PK_UserSessions" PRIMARY KEY,
                    "UserId" INTEGER NOT NULL,
                    "TokenHash" BLOB NOT NULL,
                    "CreatedAt" INTEGER NOT NULL,
                    "LastSeenAt" INTEGER NOT NULL,
                    "IdleExpiresAt" INTEGER NOT NULL,
                    "AbsoluteExpiresAt" INTEGER NOT NULL,
                    "AuthenticatedAt" INTEGER NOT NULL,
                    "AuthenticationMethods" TEXT NOT NULL,
                    "Transport" TEXT NOT NULL,
                    "RememberMe" INTEGER NOT NULL,
                    "IpAddress" TEXT NULL,
                    "UserAgent" TEXT NULL,
                    CONSTRAINT "FK_UserSessions_AspNetUsers_UserId" FOREIGN KEY ("UserId") REFERENCES "AspNetUsers" ("Id") ON DELETE CASCADE
                );

                INSERT INTO "New_UserSessions" (
                    "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
                    "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent")
                SELECT
                    "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
                    "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent"
                FROM "UserSessions"
                ORDER BY 1;

                DROP TABLE "UserSessions";
                ALTER TABLE "New_UserSessions" RENAME TO "UserSessions";
                """);

            migrationBuilder.CreateIndex(
                name: "IX_UserSessions_TokenHash",
                table: "UserSessions",
                column: "TokenHash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_UserSessions_IdleExpiresAt",
                table: "UserSessions",
                column: "IdleExpiresAt");

            migrationBuilder.CreateIndex(
                name: "IX_UserSessions_UserId",
                table: "UserSessions",
                column: "UserId");
        }
    }
}
