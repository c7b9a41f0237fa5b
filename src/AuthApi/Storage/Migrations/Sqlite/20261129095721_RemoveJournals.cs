using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthApi.Storage.Migrations.Sqlite
{
    // By hand: the journals of version 0.1 were no entities. What is left in them is moved to the tables, each event with its id.
    /// <inheritdoc />
    public partial class RemoveJournals : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                DELETE FROM "UserSessions" WHERE "Key" IN (SELECT "Key" FROM "EndedSessions");

                INSERT INTO "AuditEntries" ("Id", "At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent")
                SELECT "Id", "At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent" FROM "AuditJournal" ORDER BY "Id";

                DROP VIEW "AuditTrail";
                DROP VIEW "LiveSessions";
                DROP TABLE "AuditJournal";
                DROP TABLE "EndedSessions";
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                CREATE TABLE "EndedSessions" (
                    "Key" INTEGER NOT NULL CONSTRAINT "PK_EndedSessions" PRIMARY KEY
                );

                CREATE VIEW "LiveSessions" AS
                SELECT "Key", "Id", "UserId", "TokenHash", "CreatedAt", "LastSeenAt", "IdleExpiresAt", "AbsoluteExpiresAt", "AuthenticatedAt",
                    "AuthenticationMethods", "Transport", "RememberMe", "IpAddress", "UserAgent"
                FROM "UserSessions" AS s
                WHERE NOT EXISTS (SELECT 1 FROM "EndedSessions" AS e WHERE e."Key" = s."Key");

                CREATE TABLE "AuditJournal" (
                    "Id" INTEGER NOT NULL CONSTRAINT "PK_AuditJournal" PRIMARY KEY AUTOINCREMENT,
                    "At" INTEGER NOT NULL,
                    "Event" TEXT NOT NULL,
                    "UserId" INTEGER NULL,
                    "SessionId" TEXT NULL,
                    "BySessionId" TEXT NULL,
                    "Reason" TEXT NULL,
                    "IpAddress" TEXT NULL,
                    "UserAgent" TEXT NULL
                );

                CREATE VIEW "AuditTrail" AS
                SELECT "Id", "At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent" FROM "AuditEntries"
                UNION ALL
                SELECT "Id", "At", "Event", "UserId", "SessionId", "BySessionId", "Reason", "IpAddress", "UserAgent" FROM "AuditJournal";
                """);
        }
    }
}
