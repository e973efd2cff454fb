using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Text.RegularExpressions;

namespace RecService.Api.Tests.Architecture;

/// <summary>
/// A type by its names in metadata. What is nested in it, as are lambdas, iterators and asynchronous methods once they are compiled, is a part of it.
/// </summary>
internal readonly record struct TypeName(string Namespace, string Name)
{
    /// <summary>Stands for all types of a namespace that a file has a <c>using</c> line for: constants leave no other trace.</summary>
    public const string Any = "*";

    /// <summary>The namespace and those that it lies in, without the beginning that all types of the assembly share.</summary>
    public string? Part(string root) =>
        Namespace.StartsWith(root + ".", StringComparison.Ordinal) ? Namespace[(root.Length + 1)..].Split('.')[0] : null;
}

/// <summary>A use of a type by another one, in a source file if one is known.</summary>
internal readonly record struct TypeUse(TypeName User, string? File, TypeName Used);

/// <summary>Reads what the types of an assembly refer to from its metadata, its code and its debug information.</summary>
internal sealed partial class CompiledAssembly
{
    private readonly PEReader _image;
    private readonly MetadataReader _metadata;
    private readonly MetadataReader _symbols;
    private readonly Dictionary<TypeDefinitionHandle, string> _files = [];
    private readonly HashSet<TypeUse> _uses = [];

    private CompiledAssembly(PEReader image, MetadataReader symbols)
    {
        _image = image;
        _metadata = image.GetMetadataReader();
        _symbols = symbols;
        foreach (var type in _metadata.TypeDefinitions)
        {
            FindFile(type);
        }

        foreach (var type in _metadata.TypeDefinitions)
        {
            ReadType(type);
        }

        References = [.. _metadata.AssemblyReferences.Select(r => _metadata.GetString(_metadata.GetAssemblyReference(r).Name))];
        Files = _metadata
            .TypeDefinitions.Where(type => _metadata.GetTypeDefinition(type).GetDeclaringType().IsNil && _files.ContainsKey(type))
            .ToDictionary(type => Name(type), type => _files[type]);
    }

    /// <summary>Names of the assemblies that it needs.</summary>
    public ImmutableArray<string> References { get; }

    /// <summary>The source file of each type that has been written by hand, as a path below <c>src</c>.</summary>
    public IReadOnlyDictionary<TypeName, string> Files { get; }

    /// <summary>All uses, those of types of other assemblies included.</summary>
    public IReadOnlySet<TypeUse> Uses => _uses;

    public static CompiledAssembly Read(System.Reflection.Assembly assembly)
    {
        using var image = new PEReader(File.OpenRead(assembly.Location));
        if (!image.TryOpenAssociatedPortablePdb(assembly.Location, path => File.Exists(path) ? File.OpenRead(path) : null, out var symbols, out _))
        {
            throw new InvalidOperationException($"There is no debug information of {assembly.Location}.");
        }

        using (symbols)
        {
            return new(image, symbols!.GetMetadataReader());
        }
    }

    /// <summary>By the type's code, or, without any, by the entry that the compiler makes for such types.</summary>
    private void FindFile(TypeDefinitionHandle type)
    {
        var files = _metadata.GetTypeDefinition(type).GetMethods().Select(FileOf).Concat(DocumentsOf(type)).OfType<string>();
        if (files.FirstOrDefault() is { } file)
        {
            for (var outer = type; !outer.IsNil; outer = _metadata.GetTypeDefinition(outer).GetDeclaringType())
            {
                _files.TryAdd(outer, file);
            }
        }
    }

    private IEnumerable<string?> DocumentsOf(TypeDefinitionHandle type)
    {
        var typeDocuments = new Guid("932e74bc-dba9-4478-8d46-0f32a7bab3d3");
        foreach (var handle in _symbols.GetCustomDebugInformation(type))
        {
            var information = _symbols.GetCustomDebugInformation(handle);
            if (_symbols.GetGuid(information.Kind) == typeDocuments)
            {
                var documents = _symbols.GetBlobReader(information.Value);
                while (documents.RemainingBytes > 0)
                {
                    yield return FileOf(System.Reflection.Metadata.Ecma335.MetadataTokens.DocumentHandle(documents.ReadCompressedInteger()));
                }
            }
        }
    }

    private string? FileOf(MethodDefinitionHandle method)
    {
        var information = _symbols.GetMethodDebugInformation(method);
        return information.Document.IsNil
            ? information.GetSequencePoints().Select(p => FileOf(p.Document)).FirstOrDefault(f => f is not null)
            : FileOf(information.Document);
    }

    /// <summary>Null for what source generators have written.</summary>
    private string? FileOf(DocumentHandle document)
    {
        var path = _symbols.GetString(_symbols.GetDocument(document).Name).Replace('\\', '/');
        var source = path.LastIndexOf("/src/", StringComparison.Ordinal);
        return source < 0 || path.EndsWith(".g.cs", StringComparison.Ordinal) || path.Contains("/obj/", StringComparison.Ordinal)
            ? null
            : path[(source + "/src/".Length)..];
    }

    private void ReadType(TypeDefinitionHandle handle)
    {
        var type = _metadata.GetTypeDefinition(handle);
        var member = new Member(this, Name(handle), _files.GetValueOrDefault(handle));
        member.Uses(type.BaseType);
        member.Uses(type.GetCustomAttributes());
        member.Uses(type.GetGenericParameters());
        foreach (var implementation in type.GetInterfaceImplementations().Select(_metadata.GetInterfaceImplementation))
        {
            member.Uses(implementation.Interface);
            member.Uses(implementation.GetCustomAttributes());
        }

        foreach (var field in type.GetFields().Select(_metadata.GetFieldDefinition))
        {
            field.DecodeSignature(member, null);
            member.Uses(field.GetCustomAttributes());
        }

        foreach (var property in type.GetProperties().Select(_metadata.GetPropertyDefinition))
        {
            property.DecodeSignature(member, null);
            member.Uses(property.GetCustomAttributes());
        }

        foreach (var @event in type.GetEvents().Select(_metadata.GetEventDefinition))
        {
            member.Uses(@event.Type);
            member.Uses(@event.GetCustomAttributes());
        }

        foreach (var implementation in type.GetMethodImplementations().Select(_metadata.GetMethodImplementation))
        {
            member.Uses(implementation.MethodDeclaration);
        }

        foreach (var method in type.GetMethods())
        {
            ReadMethod(method, new Member(this, Name(handle), FileOf(method) ?? _files.GetValueOrDefault(handle)));
        }
    }

    private void ReadMethod(MethodDefinitionHandle handle, Member member)
    {
        var method = _metadata.GetMethodDefinition(handle);
        method.DecodeSignature(member, null);
        member.Uses(method.GetCustomAttributes());
        member.Uses(method.GetGenericParameters());
        foreach (var parameter in method.GetParameters())
        {
            member.Uses(_metadata.GetParameter(parameter).GetCustomAttributes());
        }

        if (method.RelativeVirtualAddress == 0)
        {
            return;
        }

        var body = _image.GetMethodBody(method.RelativeVirtualAddress);
        member.Uses(body.LocalSignature);
        foreach (var region in body.ExceptionRegions)
        {
            member.Uses(region.CatchType);
        }

        foreach (var token in IntermediateCode.Tokens(body.GetILReader()))
        {
            member.Uses(token);
        }

        foreach (var scope in _symbols.GetLocalScopes(handle).Select(s => _symbols.GetLocalScope(s).ImportScope))
        {
            ReadUsings(scope, member);
        }
    }

    private void ReadUsings(ImportScopeHandle handle, Member member)
    {
        while (!handle.IsNil)
        {
            var scope = _symbols.GetImportScope(handle);
            foreach (var import in scope.GetImports())
            {
                if (import.Kind is ImportDefinitionKind.ImportNamespace or ImportDefinitionKind.AliasNamespace)
                {
                    member.Uses(new TypeName(Encoding.UTF8.GetString(_symbols.GetBlobBytes(import.TargetNamespace)), TypeName.Any));
                }
                else if (import.Kind is ImportDefinitionKind.ImportType or ImportDefinitionKind.AliasType)
                {
                    member.Uses(import.TargetType);
                }
            }

            handle = scope.Parent;
        }
    }

    private TypeName Name(TypeDefinitionHandle handle)
    {
        var type = _metadata.GetTypeDefinition(handle);
        return type.GetDeclaringType() is { IsNil: false } outer
            ? Name(outer)
            : new(_metadata.GetString(type.Namespace), _metadata.GetString(type.Name));
    }

    private TypeName Name(TypeReferenceHandle handle)
    {
        var type = _metadata.GetTypeReference(handle);
        return type.ResolutionScope.Kind == HandleKind.TypeReference
            ? Name((TypeReferenceHandle)type.ResolutionScope)
            : new(_metadata.GetString(type.Namespace), _metadata.GetString(type.Name));
    }

    /// <summary>One member of a type, and what it uses; as the provider of signatures it takes down each type in them.</summary>
    private sealed class Member(CompiledAssembly assembly, TypeName user, string? file) : ISignatureTypeProvider<object?, object?>
    {
        private readonly MetadataReader _metadata = assembly._metadata;

        public void Uses(TypeName used)
        {
            if (used != user)
            {
                assembly._uses.Add(new(user, file, used));
            }
        }

        /// <summary>
        /// A method or a field is a use of the type that has it, and of what stands in for its type parameters; the types of its parameters are
        /// used by whoever makes their values.
        /// </summary>
        public void Uses(EntityHandle handle)
        {
            if (handle.IsNil)
            {
                return;
            }

            switch (handle.Kind)
            {
                case HandleKind.TypeDefinition:
                    Uses(assembly.Name((TypeDefinitionHandle)handle));
                    break;
                case HandleKind.TypeReference:
                    Uses(assembly.Name((TypeReferenceHandle)handle));
                    break;
                case HandleKind.TypeSpecification:
                    _metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, null);
                    break;
                case HandleKind.FieldDefinition:
                    Uses(_metadata.GetFieldDefinition((FieldDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.MethodDefinition:
                    Uses(_metadata.GetMethodDefinition((MethodDefinitionHandle)handle).GetDeclaringType());
                    break;
                case HandleKind.MemberReference:
                    Uses(_metadata.GetMemberReference((MemberReferenceHandle)handle).Parent);
                    break;
                case HandleKind.MethodSpecification:
                    var method = _metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                    Uses(method.Method);
                    method.DecodeSignature(this, null);
                    break;
                case HandleKind.StandaloneSignature:
                    var signature = _metadata.GetStandaloneSignature((StandaloneSignatureHandle)handle);
                    if (signature.GetKind() == StandaloneSignatureKind.LocalVariables)
                    {
                        signature.DecodeLocalSignature(this, null);
                    }
                    else
                    {
                        signature.DecodeMethodSignature(this, null);
                    }

                    break;
                default:
                    throw new InvalidOperationException($"A {handle.Kind} is used by {user}.");
            }
        }

        /// <summary>The types of the attributes, and those that their arguments name.</summary>
        public void Uses(CustomAttributeHandleCollection attributes)
        {
            foreach (var attribute in attributes.Select(_metadata.GetCustomAttribute))
            {
                Uses(attribute.Constructor);
                var arguments = Encoding.UTF8.GetString(_metadata.GetBlobBytes(attribute.Value));
                foreach (var named in NamesOfTypes().Matches(arguments).Cast<Match>())
                {
                    Uses(new TypeName(named.Groups["space"].Value, named.Groups["name"].Value));
                }
            }
        }

        public void Uses(GenericParameterHandleCollection parameters)
        {
            foreach (var parameter in parameters.Select(_metadata.GetGenericParameter))
            {
                Uses(parameter.GetCustomAttributes());
                foreach (var constraint in parameter.GetConstraints())
                {
                    Uses(_metadata.GetGenericParameterConstraint(constraint).Type);
                }
            }
        }

        public object? GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
        {
            Uses(handle);
            return null;
        }

        public object? GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind)
        {
            Uses(handle);
            return null;
        }

        public object? GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind)
        {
            Uses(handle);
            return null;
        }

        public object? GetModifiedType(object? modifier, object? unmodifiedType, bool isRequired) => null;

        public object? GetArrayType(object? elementType, ArrayShape shape) => null;

        public object? GetByReferenceType(object? elementType) => null;

        public object? GetFunctionPointerType(MethodSignature<object?> signature) => null;

        public object? GetGenericInstantiation(object? genericType, ImmutableArray<object?> typeArguments) => null;

        public object? GetGenericMethodParameter(object? genericContext, int index) => null;

        public object? GetGenericTypeParameter(object? genericContext, int index) => null;

        public object? GetPinnedType(object? elementType) => null;

        public object? GetPointerType(object? elementType) => null;

        public object? GetPrimitiveType(PrimitiveTypeCode typeCode) => null;

        public object? GetSZArrayType(object? elementType) => null;
    }

    [GeneratedRegex(@"(?<space>RecService(\.\w+)+)\.(?<name>\w+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex NamesOfTypes();
}
