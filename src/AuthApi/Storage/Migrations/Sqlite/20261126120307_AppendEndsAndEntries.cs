using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthApi.Storage.Migrations.Sqlite
{
    // By hand: the journals are no entities, and a view is not the tool's to make. A column that is added to a table is added to its view.
    /// <inheritdoc />
    public partial class AppendEndsAndEntries : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
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

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                DROP VIEW "AuditTrail";
                INSERT INTO "AuditEntries" SELECT * FROM "AuditJournal";
                DROP TABLE "AuditJournal";
                DROP VIEW "LiveSessions";
                DELETE FROM "UserSessions" WHERE "Key" IN (SELECT "Key" FROM "EndedSessions");
                DROP TABLE "EndedSessions";
                """);
        }
    }
}
