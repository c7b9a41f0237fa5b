using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthApi.Storage.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class LastUseAndPrincipalVersion : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "LastIpAddress",
                table: "UserSessions",
                type: "TEXT",
                maxLength: 45,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "LastUserAgent",
                table: "UserSessions",
                type: "TEXT",
                maxLength: 512,
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "PrincipalVersion",
                table: "UserSessions",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "LastIpAddress",
                table: "UserSessions");

            migrationBuilder.DropColumn(
                name: "LastUserAgent",
                table: "UserSessions");

            migrationBuilder.DropColumn(
                name: "PrincipalVersion",
                table: "UserSessions");
        }
    }
}
