using Microsoft.Extensions.Options;
using RecService.Client.Sending;

namespace RecService.Client;

[OptionsValidator]
internal sealed partial class RecServiceClientOptionsValidator : IValidateOptions<RecServiceClientOptions>;

[OptionsValidator]
internal sealed partial class InteractionSenderOptionsValidator : IValidateOptions<InteractionSenderOptions>;
