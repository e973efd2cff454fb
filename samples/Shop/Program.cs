using Microsoft.AspNetCore.Mvc;
using RecService.Client.Sending;
using Shop;
using Shop.Components;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddRecServiceClient(builder.Configuration.GetSection("RecService"));
// What is clicked should count on the next page already.
builder.Services.AddInteractionSender(options => options.Delay = TimeSpan.FromMilliseconds(100));
builder.Services.AddHttpContextAccessor();
builder.Services.AddScoped<Customer>();
builder.Services.AddRazorComponents();

var app = builder.Build();
app.UseAntiforgery();
app.MapStaticAssets();
app.MapRazorComponents<App>();

app.MapPost(
    "/customer",
    (Customer customer, [FromForm] string id) =>
    {
        customer.SignIn(id);
        return Results.LocalRedirect("/");
    }
);
app.MapPost(
    "/items/{itemId}/purchase",
    async (string itemId, [FromForm] string? from, Customer customer, InteractionSender sender) =>
    {
        await sender.SendAsync(customer.Did("purchase", itemId, string.IsNullOrEmpty(from) ? null : from));
        return Results.LocalRedirect($"/items/{Uri.EscapeDataString(itemId)}?bought=true");
    }
);
app.Run();
