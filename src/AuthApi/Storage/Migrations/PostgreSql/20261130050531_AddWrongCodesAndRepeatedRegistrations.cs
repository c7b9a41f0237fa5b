using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace AuthApi.Storage.Migrations.PostgreSql
{
    /// <inheritdoc />
    public partial class AddWrongCodesAndRepeatedRegistrations : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "IsRegisteredAgain",
                table: "AspNetUsers",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<int>(
                name: "WrongCodes",
                table: "AspNetUsers",
                type: "integer",
                nullable: false,
                defaultValue: 0);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "IsRegisteredAgain",
                table: "AspNetUsers");

            migrationBuilder.DropColumn(
                name: "WrongCodes",
                table: "AspNetUsers");
        }
    }
}
