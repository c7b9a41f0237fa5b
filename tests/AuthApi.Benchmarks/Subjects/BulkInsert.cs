using System.Data.Common;
using System.Reflection;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace AuthApi.Benchmarks.Subjects;

/// <summary>
/// Inserts entities by one prepared statement, written from EF Core's model, so that the rows are as EF Core would write them and
/// a million of them take seconds. A generated key that is zero, or that the entity does not show, is left to the database. So is
/// a column that the table lacks, and a table that is not there gets no rows: the database may be another version's.
/// </summary>
internal sealed class BulkInsert<TEntity> : IDisposable
    where TEntity : class
{
    private readonly DbCommand _command;
    private readonly StoreObjectIdentifier _table;
    private readonly List<(IProperty Property, SqliteParameter Parameter)> _columns = [];

    public BulkInsert(DbContext context, DbTransaction transaction)
    {
        var entity = context.Model.FindEntityType(typeof(TEntity))!;
        var table = _table = StoreObjectIdentifier.Create(entity, StoreObjectType.Table)!.Value;
        _command = transaction.Connection!.CreateCommand();
        _command.Transaction = transaction;
        var columns = ReadColumns(transaction, table.Name);
        foreach (var property in entity.GetProperties().Where(property => columns.Contains(property.GetColumnName(table)) && (!property.IsShadowProperty() || Twin(property, table) is not null)))
        {
            var parameter = new SqliteParameter { ParameterName = $"@p{_columns.Count}" };
            _command.Parameters.Add(parameter);
            _columns.Add((property, parameter));
        }

        // CA2100: names of the model, and no value.
#pragma warning disable CA2100
        _command.CommandText =
            $"""
            INSERT INTO "{table.Name}" ({string.Join(", ", _columns.Select(column => $"\"{column.Property.GetColumnName(table)}\""))})
            VALUES ({string.Join(", ", _columns.Select(column => column.Parameter.ParameterName))})
            """;
#pragma warning restore CA2100
    }

    public void Insert(TEntity entity)
    {
        if (_columns.Count == 0)
        {
            return;
        }

        foreach (var (property, parameter) in _columns)
        {
            // The user's id is a string in the entity; the column makes a number of it.
            var value = property.IsShadowProperty() ? Twin(property, _table)!.GetValue(entity) : property.GetGetter().GetClrValue(entity);
            parameter.Value = property.IsShadowProperty() ? value ?? DBNull.Value
                : property.IsPrimaryKey() && property.ValueGenerated == ValueGenerated.OnAdd && value is 0 or 0L ? DBNull.Value
                : (property.GetRelationalTypeMapping().Converter is { } converter ? converter.ConvertToProvider(value) : value) ?? DBNull.Value;
        }

        _command.ExecuteNonQuery();
    }

    public void Dispose() => _command.Dispose();

    private static PropertyInfo? Twin(IProperty property, in StoreObjectIdentifier table) => typeof(TEntity).GetProperty(property.GetColumnName(table)!);

    private static HashSet<string?> ReadColumns(DbTransaction transaction, string table)
    {
        using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = "SELECT name FROM pragma_table_info($table)";
        command.Parameters.Add(new SqliteParameter("$table", table));
        using var reader = command.ExecuteReader();
        var columns = new HashSet<string?>();
        while (reader.Read())
        {
            columns.Add(reader.GetString(0));
        }

        return columns;
    }
}
