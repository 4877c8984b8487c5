using System.Globalization;
using System.Text;
using System.Text.Json;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>
/// The part of JSON Schema that tool parameters use, compiled once and run on every call: <c>type, properties, required,
/// additionalProperties, items, enum, const, anyOf, oneOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength,
/// minItems, maxItems, default</c>. Other keywords are not checked: a client that defines such a tool checks its own arguments again.
/// </summary>
/// <remarks>
/// Our own, because the known validator package does not restore here, and because coercing what models write (<c>"5"</c> for 5) has to
/// happen in the same pass.
/// </remarks>
internal sealed class JsonSchema
{
    private const int _maxDepth = 32;
    private const int _quoted = 64; // security.md §7.8: input is echoed up to 64 characters

    private readonly Kinds _kinds;
    private readonly Property[] _properties;
    private readonly bool _closed;
    private readonly JsonSchema? _additional;
    private readonly JsonSchema? _items;
    private readonly JsonElement[]? _enum;
    private readonly JsonSchema[]? _anyOf;
    private readonly double? _minimum;
    private readonly double? _maximum;
    private readonly bool _exclusiveMinimum;
    private readonly bool _exclusiveMaximum;
    private readonly int? _minLength;
    private readonly int? _maxLength;
    private readonly int? _minItems;
    private readonly int? _maxItems;

    private JsonSchema(JsonElement schema, bool closed, int depth)
    {
        if (depth > _maxDepth)
            throw new FormatException("the schema is nested too deeply");
        _properties = [];
        if (schema.ValueKind is JsonValueKind.True)
        {
            _kinds = Kinds.Any;
            return;
        }
        if (schema.ValueKind is not JsonValueKind.Object)
            throw new FormatException("a schema must be an object");

        _kinds = schema.TryGetProperty("type", out var type) ? ReadKinds(type) : Kinds.Any;
        if (schema.TryGetProperty("properties", out var properties))
            _properties = ReadProperties(schema, properties, depth);
        if (schema.TryGetProperty("additionalProperties", out var additional))
        {
            _closed = additional.ValueKind is JsonValueKind.False;
            if (additional.ValueKind is JsonValueKind.Object)
                _additional = new JsonSchema(additional, closed: false, depth + 1);
        }
        else
        {
            _closed = closed;
        }
        if (schema.TryGetProperty("items", out var items) && items.ValueKind is JsonValueKind.Object)
            _items = new JsonSchema(items, closed: false, depth + 1);
        if (schema.TryGetProperty("enum", out var values) && values.ValueKind is JsonValueKind.Array)
            _enum = [.. values.EnumerateArray()];
        else if (schema.TryGetProperty("const", out var constant))
            _enum = [constant];
        if (
            (schema.TryGetProperty("anyOf", out var any) || schema.TryGetProperty("oneOf", out any))
            && any.ValueKind is JsonValueKind.Array
        )
            _anyOf = [.. any.EnumerateArray().Select(s => new JsonSchema(s, closed: false, depth + 1))];
        _minimum = ReadNumber(schema, "minimum") ?? ReadNumber(schema, "exclusiveMinimum");
        _maximum = ReadNumber(schema, "maximum") ?? ReadNumber(schema, "exclusiveMaximum");
        _exclusiveMinimum = ReadNumber(schema, "minimum") is null;
        _exclusiveMaximum = ReadNumber(schema, "maximum") is null;
        _minLength = ReadCount(schema, "minLength");
        _maxLength = ReadCount(schema, "maxLength");
        _minItems = ReadCount(schema, "minItems");
        _maxItems = ReadCount(schema, "maxItems");
    }

    [Flags]
    private enum Kinds
    {
        None = 0,
        Object = 1,
        Array = 2,
        String = 4,
        Integer = 8,
        Number = 16,
        Boolean = 32,
        Null = 64,
        Any = 127,
    }

    /// <summary>True when the schema takes objects and nothing else, as the parameters of a tool must.</summary>
    public bool IsObject => _kinds == Kinds.Object;

    /// <summary>Members in the order of the schema.</summary>
    public IReadOnlyList<Property> Properties => _properties;

    /// <summary>Compiles a schema.</summary>
    /// <param name="schema">The schema; its document must stay alive as long as the result.</param>
    /// <param name="closed">Refuse members that are not named, where the schema itself says nothing (security.md §8.1).</param>
    /// <exception cref="FormatException">The schema is malformed; the message says where.</exception>
    public static JsonSchema Compile(JsonElement schema, bool closed = false) => new(schema, closed, 0);

    /// <summary>Checks a value as it is.</summary>
    /// <returns>Null, or what is wrong.</returns>
    public Fault? Check(JsonElement value) => Visit(value, output: null);

    /// <summary>Checks an object whose members were collected by the caller, and writes it coerced, in the order of the schema.</summary>
    /// <param name="members">Names and values; names may be renamed aliases.</param>
    /// <param name="fillDefaults">Write the <c>default</c> of absent members.</param>
    /// <param name="output">Takes the object; undefined when a fault is returned.</param>
    /// <returns>Null, or what is wrong.</returns>
    public Fault? Write(IReadOnlyList<KeyValuePair<string, JsonElement>> members, bool fillDefaults, Utf8JsonWriter output) =>
        VisitMembers(members, fillDefaults, output);

    private Fault? Visit(JsonElement value, Utf8JsonWriter? output)
    {
        if (_anyOf is not null)
            return VisitAny(value, output);
        if (_enum is not null)
            return VisitEnum(value, output);
        return value.ValueKind switch
        {
            JsonValueKind.Object when Takes(Kinds.Object) => VisitObject(value, output),
            JsonValueKind.Array when Takes(Kinds.Array) => VisitArray(value, output),
            JsonValueKind.String when Takes(Kinds.String) => VisitString(value.GetString()!, output),
            JsonValueKind.Number when Takes(Kinds.Number) => VisitNumber(value, output),
            JsonValueKind.Number when Takes(Kinds.Integer) && TryInteger(value, out var integer) => VisitInteger(integer, output),
            JsonValueKind.True or JsonValueKind.False when Takes(Kinds.Boolean) => Emit(value, output),
            JsonValueKind.Null when Takes(Kinds.Null) => Emit(value, output),
            _ => output is null ? Mismatch(value) : Coerce(value, output),
        };
    }

    private bool Takes(Kinds kind) => (_kinds & kind) != Kinds.None;

    /// <summary>What models write instead of the type asked for. Only conversions with one possible meaning.</summary>
    private Fault? Coerce(JsonElement value, Utf8JsonWriter output)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                var text = value.GetString()!.Trim();
                if (
                    Takes(Kinds.Integer)
                    && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer)
                )
                    return VisitInteger(integer, output);
                if (Takes(Kinds.Integer | Kinds.Number) && TryParseNumber(text, out var number))
                    return Visit(number, output);
                if (Takes(Kinds.Boolean) && bool.TryParse(text, out var boolean))
                {
                    output.WriteBooleanValue(boolean);
                    return null;
                }
                if (
                    Takes(Kinds.Object | Kinds.Array)
                    && text.Length > 1
                    && text[0] is '{' or '['
                    && LenientJson.TryParse(text, out var nested)
                )
                {
                    if (nested.ValueKind is JsonValueKind.Object == Takes(Kinds.Object) || Takes(Kinds.Array))
                        return Visit(nested, output);
                }
                break;
            case JsonValueKind.Number when Takes(Kinds.String):
                return VisitString(value.GetRawText(), output);
            case JsonValueKind.True when Takes(Kinds.String):
                return VisitString("true", output);
            case JsonValueKind.False when Takes(Kinds.String):
                return VisitString("false", output);
            default:
                break;
        }
        if (!Takes(Kinds.Array) || value.ValueKind is JsonValueKind.Null || _minItems > 1 || _maxItems < 1)
            return Mismatch(value);
        output.WriteStartArray();
        var fault = _items is null ? Emit(value, output) : _items.Visit(value, output);
        output.WriteEndArray();
        return fault;
    }

    private Fault? VisitAny(JsonElement value, Utf8JsonWriter? output)
    {
        foreach (var alternative in _anyOf!)
        {
            if (alternative.Visit(value, output: null) is null)
                return output is null ? null : alternative.Visit(value, output);
        }
        return new Fault("matches none of the forms the schema allows, got " + Quote(value));
    }

    private Fault? VisitEnum(JsonElement value, Utf8JsonWriter? output)
    {
        foreach (var allowed in _enum!)
        {
            var same =
                JsonElement.DeepEquals(allowed, value)
                || output is not null
                    && allowed.ValueKind is JsonValueKind.String
                    && value.ValueKind is JsonValueKind.String
                    && string.Equals(allowed.GetString(), value.GetString()!.Trim(), StringComparison.OrdinalIgnoreCase);
            if (same)
                return Emit(allowed, output);
        }
        return new Fault("must be one of " + string.Join(", ", _enum.Select(Quote)) + ", got " + Quote(value));
    }

    private Fault? VisitObject(JsonElement value, Utf8JsonWriter? output)
    {
        var members = new List<KeyValuePair<string, JsonElement>>();
        foreach (var member in value.EnumerateObject())
            members.Add(new(member.Name, member.Value));
        return VisitMembers(members, fillDefaults: false, output);
    }

    private Fault? VisitMembers(IReadOnlyList<KeyValuePair<string, JsonElement>> members, bool fillDefaults, Utf8JsonWriter? output)
    {
        var found = new JsonElement[_properties.Length];
        List<KeyValuePair<string, JsonElement>>? rest = null;
        foreach (var member in members)
        {
            var index = Array.FindIndex(_properties, p => p.Name == member.Key);
            if (index >= 0)
            {
                // Two values for one name: the checker and the executor could read different ones.
                if (found[index].ValueKind is not JsonValueKind.Undefined)
                    return new Fault("is given twice", member.Key);
                if (member.Value.ValueKind is not JsonValueKind.Null || output is null || _properties[index].TakesNull)
                    found[index] = member.Value;
            }
            else if (member.Value.ValueKind is not JsonValueKind.Null || output is null)
            {
                if (_closed)
                    return new Fault("is not a member; the members are " + Members(), Cut(member.Key));
                if (rest is not null && rest.Exists(r => r.Key == member.Key))
                    return new Fault("is given twice", Cut(member.Key));
                (rest ??= []).Add(member);
            }
        }

        output?.WriteStartObject();
        for (var i = 0; i < _properties.Length; i++)
        {
            var property = _properties[i];
            var value = found[i];
            if (value.ValueKind is JsonValueKind.Undefined && fillDefaults && property.Default is { } standard)
                value = standard;
            if (value.ValueKind is JsonValueKind.Undefined)
            {
                if (property.Required)
                    return new Fault("is required (" + property.Schema.Expected() + ")", property.Name);
                continue;
            }
            output?.WritePropertyName(property.Name);
            if (property.Schema.Visit(value, output) is { } fault)
                return fault.Inside(property.Name);
        }
        foreach (var member in rest ?? [])
        {
            output?.WritePropertyName(member.Key);
            if ((_additional is null ? Emit(member.Value, output) : _additional.Visit(member.Value, output)) is { } fault)
                return fault.Inside(Cut(member.Key));
        }
        output?.WriteEndObject();
        return null;
    }

    private Fault? VisitArray(JsonElement value, Utf8JsonWriter? output)
    {
        var length = value.GetArrayLength();
        if (length < _minItems)
            return new Fault($"must have at least {_minItems} items, got {length}");
        if (length > _maxItems)
            return new Fault($"must have at most {_maxItems} items, got {length}");
        output?.WriteStartArray();
        var index = 0;
        foreach (var item in value.EnumerateArray())
        {
            if ((_items is null ? Emit(item, output) : _items.Visit(item, output)) is { } fault)
                return fault.Inside($"[{index}]");
            index++;
        }
        output?.WriteEndArray();
        return null;
    }

    private Fault? VisitString(string value, Utf8JsonWriter? output)
    {
        if (value.Length < _minLength)
            return new Fault(_minLength == 1 ? "must not be empty" : $"must have at least {_minLength} characters");
        if (value.Length > _maxLength)
            return new Fault($"must have at most {_maxLength} characters, got {value.Length}");
        output?.WriteStringValue(value);
        return null;
    }

    private Fault? VisitNumber(JsonElement value, Utf8JsonWriter? output)
    {
        if (!value.TryGetDouble(out var number) || !double.IsFinite(number) || !InRange(number))
            return Mismatch(value);
        return Emit(value, output);
    }

    private Fault? VisitInteger(long value, Utf8JsonWriter? output)
    {
        if (!InRange(value))
            return new Fault($"must be {Expected()}, got {value}");
        output?.WriteNumberValue(value);
        return null;
    }

    private bool InRange(double value) =>
        (_minimum is not { } low || (_exclusiveMinimum ? value > low : value >= low))
        && (_maximum is not { } high || (_exclusiveMaximum ? value < high : value <= high));

    private static Fault? Emit(JsonElement value, Utf8JsonWriter? output)
    {
        if (output is not null)
            value.WriteTo(output);
        return null;
    }

    private Fault Mismatch(JsonElement value) => new("must be " + Expected() + ", got " + Quote(value));

    /// <summary>What the schema wants, in words for the model.</summary>
    private string Expected()
    {
        if (_enum is not null)
            return "one of " + string.Join(", ", _enum.Select(Quote));
        if (_anyOf is not null)
            return string.Join(" or ", _anyOf.Select(s => s.Expected()));
        var words = new List<string>();
        if (Takes(Kinds.String))
            words.Add("a string");
        if (Takes(Kinds.Number))
            words.Add("a number" + Range());
        else if (Takes(Kinds.Integer))
            words.Add("an integer" + Range());
        if (Takes(Kinds.Boolean))
            words.Add("true or false");
        if (Takes(Kinds.Array))
            words.Add(_items is null ? "an array" : "an array of " + _items.Expected());
        if (Takes(Kinds.Object))
            words.Add(_properties.Length == 0 ? "an object" : "an object with " + Members());
        return _kinds == Kinds.Any ? "a value" : string.Join(" or ", words);
    }

    private string Range() =>
        (_minimum, _maximum) switch
        {
            ({ } low, { } high) => string.Create(CultureInfo.InvariantCulture, $" from {low} to {high}"),
            ({ } low, null) => string.Create(CultureInfo.InvariantCulture, $" of at least {low}"),
            (null, { } high) => string.Create(CultureInfo.InvariantCulture, $" of at most {high}"),
            _ => "",
        };

    private string Members() =>
        _properties.Length == 0 ? "none" : string.Join(", ", _properties.Select(p => p.Required ? p.Name + " (required)" : p.Name));

    private static string Quote(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "an array",
            JsonValueKind.Null => "null",
            _ => Cut(value.GetRawText()),
        };

    private static string Cut(string text) => text.Length <= _quoted ? text : string.Concat(text.AsSpan(0, _quoted), "…");

    private static bool TryParseNumber(string text, out JsonElement number)
    {
        number = default;
        if (text.Length is 0 or > 40 || !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
            return false;
        if (!double.IsFinite(value))
            return false;
        number = JsonSerializer.SerializeToElement(value, ToolJsonContext.Default.Double);
        return true;
    }

    private static bool TryInteger(JsonElement value, out long integer)
    {
        if (value.TryGetInt64(out integer))
            return true;
        // 1.0 and 1e3 are integers in JSON Schema too.
        if (!value.TryGetDouble(out var number) || number != Math.Floor(number) || Math.Abs(number) > 9007199254740991)
            return false;
        integer = (long)number;
        return true;
    }

    private static Kinds ReadKinds(JsonElement type)
    {
        if (type.ValueKind is JsonValueKind.Array)
            return type.EnumerateArray().Aggregate(Kinds.None, (kinds, one) => kinds | ReadKinds(one));
        return type.ValueKind is not JsonValueKind.String
            ? throw new FormatException("'type' must be a string or an array of strings")
            : type.GetString() switch
            {
                "object" => Kinds.Object,
                "array" => Kinds.Array,
                "string" => Kinds.String,
                "integer" => Kinds.Integer,
                "number" => Kinds.Number,
                "boolean" => Kinds.Boolean,
                "null" => Kinds.Null,
                var other => throw new FormatException($"unknown type '{Cut(other!)}'"),
            };
    }

    private static Property[] ReadProperties(JsonElement schema, JsonElement properties, int depth)
    {
        if (properties.ValueKind is not JsonValueKind.Object)
            throw new FormatException("'properties' must be an object");
        var required = new HashSet<string>();
        if (schema.TryGetProperty("required", out var names))
        {
            if (names.ValueKind is not JsonValueKind.Array)
                throw new FormatException("'required' must be an array of names");
            foreach (var name in names.EnumerateArray())
                required.Add(
                    name.ValueKind is JsonValueKind.String ? name.GetString()! : throw new FormatException("'required' holds a non-string")
                );
        }
        var list = new List<Property>();
        foreach (var member in properties.EnumerateObject())
        {
            if (list.Exists(p => p.Name == member.Name))
                throw new FormatException($"property '{Cut(member.Name)}' is defined twice");
            var child = new JsonSchema(member.Value, closed: false, depth + 1);
            JsonElement? standard =
                member.Value.ValueKind is JsonValueKind.Object && member.Value.TryGetProperty("default", out var value) ? value : null;
            list.Add(new Property(member.Name, child, required.Contains(member.Name), standard, child._kinds.HasFlag(Kinds.Null)));
        }
        return [.. list];
    }

    private static double? ReadNumber(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Number ? value.GetDouble() : null;

    private static int? ReadCount(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.Number && value.TryGetInt32(out var count)
            ? count
            : null;

    /// <summary>A member of an object.</summary>
    internal sealed record Property(string Name, JsonSchema Schema, bool Required, JsonElement? Default, bool TakesNull);

    /// <summary>What is wrong, and where.</summary>
    internal sealed class Fault(string problem, string path = "")
    {
        /// <summary>The fault as part of a member or item of the value around it.</summary>
        public Fault Inside(string name) =>
            new(
                problem,
                path.Length == 0 ? name
                    : path[0] == '[' ? name + path
                    : name + "." + path
            );

        /// <summary>A sentence for the model.</summary>
        public override string ToString() =>
            new StringBuilder(path.Length == 0 ? "The value" : $"'{path}'").Append(' ').Append(problem).ToString();
    }
}
