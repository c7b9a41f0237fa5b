using Microsoft.AspNetCore.Identity;

namespace Shop.Data;

public class ApplicationUser : IdentityUser
{
    public string? FavouriteColour { get; set; }
}
