using System.Net;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Users;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Users and teams, by administrators and by themselves (design.md §14, protocol.md §2.10).</summary>
public sealed class UserTests : IAsyncLifetime
{
    private const string Users = "/api/v1/admin/users";
    private const string NewPassword = "Another-Horse-7-Battery";
    private AuthHost _host = null!;
    private string _admin = "";
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await AuthHost.StartReadyAsync();
        _admin = (await _host.ServiceAsync()).Text("access_token");
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Users_are_listed_in_pages_and_searched()
    {
        foreach (var name in (string[])["bob", "carol", "b_b", "dave"])
            await _host.CreateUserAsync(name, "developer");

        var first = await _host.GetAsync(Users + "?limit=2", _admin);
        var second = await _host.GetAsync($"{Users}?limit=10&cursor={first.Text("next_cursor")}", _admin);

        Assert.Equal(["ada", "bob"], Names(first));
        Assert.Equal(["b_b", "carol", "dave"], Names(second));
        Assert.Equal(["carol"], Names(await _host.GetAsync(Users + "?q=ARO", _admin)));
        Assert.Equal(["dave"], Names(await _host.GetAsync(Users + "?q=dave@exam", _admin)));
        Assert.Equal(["b_b"], Names(await _host.GetAsync(Users + "?q=b_b", _admin)));
        Assert.Empty(Names(await _host.GetAsync(Users + "?q=%25", _admin)));
    }

    [Fact]
    public async Task An_invited_user_chooses_a_password_by_the_link_once()
    {
        var created = await _host.PostAsync(Users, _admin, Body(("username", "bob"), ("email", "bob@example.org")));
        var secret = created.Text("invitation_url").Split("/invitation#")[1];
        var links = _host.App.Services.GetRequiredService<AccountLinks>();
        var before = await _host.SignInAsync("bob", NewPassword);

        var holder = await links.InspectAsync(secret, Cancel);
        var weak = await links.RedeemAsync(secret, "password", Cancel);
        var redeemed = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => links.RedeemAsync(secret, NewPassword, Cancel)));

        Assert.Equal(HttpStatusCode.Created, created.Status);
        Assert.Equal("no-store", created.Header("Cache-Control"));
        Assert.Equal(HttpStatusCode.Unauthorized, before.Status);
        Assert.Equal(("invitation", "bob"), (holder!.Kind, holder.Username));
        Assert.Equal("WEAK_PASSWORD", weak.Error!.Code);
        Assert.Single(redeemed, r => r.IsOk);
        Assert.All(redeemed.Where(r => !r.IsOk), r => Assert.Equal("LINK_INVALID", r.Error!.Code));
        Assert.Equal(HttpStatusCode.OK, (await _host.SignInAsync("bob", NewPassword)).Status);
        Assert.Null(await links.InspectAsync(secret, Cancel));
    }

    [Fact]
    public async Task A_reset_link_voids_the_one_before_it_and_ends_every_sign_in()
    {
        var id = await _host.CreateUserAsync("bob", "developer");
        var tokens = await _host.SignInAsync("bob");
        var links = _host.App.Services.GetRequiredService<AccountLinks>();

        var first = await _host.PostAsync($"{Users}/{id}/reset-password", _admin);
        var second = await _host.PostAsync($"{Users}/{id}/reset-password", _admin);
        var old = await links.RedeemAsync(first.Text("url").Split('#')[1], NewPassword, Cancel);
        var redeemed = await links.RedeemAsync(second.Text("url").Split('#')[1], NewPassword, Cancel);

        Assert.Contains("/reset-password#", first.Text("url"), StringComparison.Ordinal);
        Assert.Equal("LINK_INVALID", old.Error!.Code);
        Assert.True(redeemed.IsOk);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/me", tokens.Text("access_token"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.RefreshAsync(tokens.Text("refresh_token"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.SignInAsync("bob")).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.SignInAsync("bob", NewPassword)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.PostAsync($"{Users}/nobody/reset-password", _admin)).Status);
    }

    [Fact]
    public async Task A_lost_role_counts_at_once_and_is_in_the_audit()
    {
        var id = await _host.CreateUserAsync("bob", "developer", "lead");
        var token = (await _host.SignInAsync("bob")).Text("access_token");
        var before = await _host.GetAsync("/api/v1/write", token);

        var patched = await _host.PatchAsync($"{Users}/{id}", _admin, new JsonObject { ["roles"] = new JsonArray("viewer") });

        Assert.Equal(HttpStatusCode.OK, before.Status);
        Assert.Equal(HttpStatusCode.OK, patched.Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await _host.GetAsync("/api/v1/write", token)).Status);
        Assert.Equal(["role.granted", "role.revoked", "role.revoked"], await EventsAsync(id, "role.granted,role.revoked"));
    }

    [Theory]
    [InlineData("username", "ada", 409, "USER_EXISTS")]
    [InlineData("email", "ada@codelab.local", 409, "USER_EXISTS")]
    [InlineData("username", "no spaces", 400, "INVALID_REQUEST")]
    [InlineData("email", "nobody", 400, "INVALID_REQUEST")]
    [InlineData("username", "robert", 200, "")]
    public async Task A_name_or_address_is_changed_when_it_is_free_and_well_formed(string field, string value, int status, string code)
    {
        var id = await _host.CreateUserAsync("bob", "developer");

        var answer = await _host.PatchAsync($"{Users}/{id}", _admin, Body((field, value)));

        Assert.Equal((HttpStatusCode)status, answer.Status);
        Assert.Equal(code, answer.Text("error_code"));
    }

    [Fact]
    public async Task The_last_administrator_can_be_neither_disabled_deleted_nor_demoted()
    {
        var ada = (string)(await _host.GetAsync(Users + "?q=ada", _admin)).Json["users"]![0]!["id"]!;
        var demote = new JsonObject { ["roles"] = new JsonArray("developer") };

        Assert.Equal("LAST_ADMINISTRATOR", (await _host.PostAsync($"{Users}/{ada}/disable", _admin)).Text("error_code"));
        Assert.Equal("LAST_ADMINISTRATOR", (await _host.DeleteAsync($"{Users}/{ada}", _admin)).Text("error_code"));
        Assert.Equal("LAST_ADMINISTRATOR", (await _host.PatchAsync($"{Users}/{ada}", _admin, demote)).Text("error_code"));
        await _host.CreateUserAsync("eve", "admin");
        Assert.Equal(HttpStatusCode.OK, (await _host.PatchAsync($"{Users}/{ada}", _admin, demote)).Status);
    }

    [Fact]
    public async Task Administrators_who_take_each_other_away_at_once_leave_one()
    {
        var ids = new List<string> { (string)(await _host.GetAsync(Users + "?q=ada", _admin)).Json["users"]![0]!["id"]! };
        for (var i = 0; i < 7; i++)
            ids.Add(await _host.CreateUserAsync("admin" + i, "admin"));

        var answers = await Task.WhenAll(
            ids.Select(
                (id, i) =>
                    i % 2 == 0
                        ? _host.PostAsync($"{Users}/{id}/disable", _admin)
                        : _host.PatchAsync($"{Users}/{id}", _admin, new JsonObject { ["roles"] = new JsonArray("developer") })
            )
        );

        Assert.Equal(
            [.. Enumerable.Repeat(HttpStatusCode.OK, 7), HttpStatusCode.Conflict],
            answers.Select(a => a.Status).Order().ToArray()
        );
    }

    [Fact]
    public async Task A_deleted_user_is_gone_and_the_audit_keeps_a_pseudonym()
    {
        var id = await _host.CreateUserAsync("bob", "developer");
        var token = (await _host.SignInAsync("bob")).Text("access_token");
        var named = await AuditAsync(id);

        var deleted = await _host.DeleteAsync($"{Users}/{id}", _admin);
        var unnamed = await AuditAsync(id);

        Assert.Equal(HttpStatusCode.NoContent, deleted.Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/me", token)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.GetAsync($"{Users}/{id}", _admin)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.DeleteAsync($"{Users}/{id}", _admin)).Status);
        Assert.All(named, e => Assert.Equal("bob", (string)e!["subject_name"]!));
        Assert.All(unnamed, e => Assert.Equal(AuditReader.Pseudonym(id), (string)e!["subject_name"]!));
        Assert.Contains(unnamed, e => (string)e!["type"]! == "user.deleted");
        Assert.DoesNotContain("bob", unnamed.ToJsonString(), StringComparison.Ordinal);
        Assert.True((bool)(await _host.GetAsync("/api/v1/admin/audit/verify", _admin)).Json["intact"]!);
    }

    [Fact]
    public async Task Unlocking_ends_a_lock_out()
    {
        var id = await _host.CreateUserAsync("bob", "developer");
        for (var i = 0; i < 5; i++)
            await _host.SignInAsync("bob", "wrong");
        var locked = await _host.SignInAsync("bob");
        var shown = await _host.GetAsync($"{Users}/{id}", _admin);

        await _host.PostAsync($"{Users}/{id}/unlock", _admin);

        Assert.Equal("account_locked", locked.Text("error"));
        Assert.NotEqual("", shown.Text("locked_until"));
        Assert.Equal(HttpStatusCode.OK, (await _host.SignInAsync("bob")).Status);
        Assert.Equal(
            ["account_locked", "account_unlocked", "login_failed"],
            (await EventsAsync(id, "login_failed,account_locked,account_unlocked")).Distinct()
        );
    }

    [Fact]
    public async Task Changing_the_own_password_asks_for_the_old_one_and_signs_other_devices_out()
    {
        await _host.CreateUserAsync("bob", "viewer");
        var here = (await _host.SignInAsync("bob")).Text("access_token");
        var elsewhere = await _host.SignInAsync("bob");

        var wrong = await ChangeAsync(here, "wrong", NewPassword);
        var weak = await ChangeAsync(here, AuthHost.Password, "password1");
        var changed = await ChangeAsync(here, AuthHost.Password, NewPassword);

        Assert.Equal("WRONG_PASSWORD", wrong.Text("error_code"));
        Assert.Equal("WEAK_PASSWORD", weak.Text("error_code"));
        Assert.Equal(1, (int)changed.Json["revoked_count"]!);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/me", here)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/me", elsewhere.Text("access_token"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.RefreshAsync(elsewhere.Text("refresh_token"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.SignInAsync("bob", NewPassword)).Status);
    }

    [Fact]
    public async Task Guessing_the_old_password_locks_the_name()
    {
        await _host.CreateUserAsync("bob", "viewer");
        var token = (await _host.SignInAsync("bob")).Text("access_token");
        for (var i = 0; i < 5; i++)
            await ChangeAsync(token, "wrong", NewPassword);

        var answer = await ChangeAsync(token, AuthHost.Password, NewPassword);

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.Status);
        Assert.Equal("ACCOUNT_LOCKED", answer.Text("error_code"));
    }

    [Fact]
    public async Task Own_devices_are_listed_and_ended_one_by_one_and_all_together()
    {
        await _host.CreateUserAsync("bob", "developer");
        var tokens = new List<string>();
        for (var i = 0; i < 3; i++)
            tokens.Add((await _host.SignInAsync("bob")).Text("access_token"));
        var foreign = await _host.SignInAsync();
        const string path = "/api/v1/auth/oauth/sessions";

        var list = (await _host.GetAsync(path, tokens[0])).Json["sessions"]!.AsArray();
        var current = (string)list.Single(s => (bool)s!["current"]!)!["session_id"]!;
        var other = list.Select(s => (string)s!["session_id"]!).First(s => s != current);
        var stranger = (string)(await _host.GetAsync(path, foreign.Text("access_token"))).Json["sessions"]![0]!["session_id"]!;

        Assert.Equal(3, list.Count);
        Assert.Equal("codelab-cli", (string)list[0]!["client_id"]!);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync($"{path}/{other}", tokens[0])).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.DeleteAsync($"{path}/{other}", tokens[0])).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.DeleteAsync($"{path}/{other}", tokens[0])).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.GetAsync($"{path}/{stranger}", tokens[0])).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.DeleteAsync($"{path}/{stranger}", tokens[0])).Status);
        Assert.Equal(2, (await _host.GetAsync(path, tokens[0])).Json["sessions"]!.AsArray().Count);
        var all = await _host.PostAsync("/api/v1/auth/oauth/logout?all_sessions=true", tokens[0]);
        Assert.Equal(2, (int)all.Json["revoked_count"]!);
        foreach (var token in tokens)
            Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync(path, token)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync(path, foreign.Text("access_token"))).Status);
    }

    [Fact]
    public async Task Teams_have_members_and_leads_whom_other_modules_see()
    {
        var bob = await _host.CreateUserAsync("bob", "developer");
        const string teams = "/api/v1/admin/teams";

        var created = await _host.PostAsync(teams, _admin, Body(("name", "Platform")));
        var id = created.Text("id");
        var twice = await _host.PostAsync(teams, _admin, Body(("name", " platform ")));
        var put = await _host.PutAsync($"{teams}/{id}/members/{bob}", _admin, new JsonObject { ["is_lead"] = true });

        Assert.Equal(HttpStatusCode.Created, created.Status);
        Assert.Equal("TEAM_EXISTS", twice.Text("error_code"));
        Assert.True((bool)put.Json["members"]![0]!["is_lead"]!);
        Assert.Equal("USER_NOT_FOUND", (await _host.PutAsync($"{teams}/{id}/members/nobody", _admin)).Text("error_code"));
        Assert.Equal("TEAM_NOT_FOUND", (await _host.PutAsync($"{teams}/nothing/members/{bob}", _admin)).Text("error_code"));
        await using (var scope = _host.App.Services.CreateAsyncScope())
        {
            var user = await scope.ServiceProvider.GetRequiredService<ISender>().Send(new GetUserQuery(bob), Cancel);
            Assert.Equal([new TeamInfo(id, "Platform", true)], user!.Teams);
        }
        Assert.Equal("Ground", (await _host.PatchAsync($"{teams}/{id}", _admin, Body(("name", "Ground")))).Text("name"));
        Assert.Equal(1, (int)(await _host.GetAsync(teams, _admin)).Json["teams"]![0]!["member_count"]!);
        Assert.Equal(HttpStatusCode.NoContent, (await _host.DeleteAsync($"{teams}/{id}/members/{bob}", _admin)).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await _host.DeleteAsync($"{teams}/{id}", _admin)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.GetAsync($"{teams}/{id}", _admin)).Status);
    }

    [Fact]
    public async Task Sign_in_events_name_known_users_only()
    {
        await _host.SignInAsync("ada");
        await _host.SignInAsync("ada", "wrong");
        await _host.SignInAsync("my-secret-typed-as-name", "wrong");

        var events = (await _host.GetAsync("/api/v1/admin/audit?type=login_success,login_failed", _admin)).Json["events"]!.AsArray();

        Assert.Equal(["login_failed", "login_failed", "login_success"], events.Select(e => (string)e!["type"]!));
        Assert.Equal(["unknown name", "wrong password"], events.Take(2).Select(e => (string)e!["reason"]!));
        Assert.Equal("ada", (string)events[1]!["subject_name"]!);
        Assert.Equal("127.0.0.1", (string)events[1]!["ip"]!);
        Assert.DoesNotContain("my-secret-typed-as-name", events.ToJsonString(), StringComparison.Ordinal);
    }

    private Task<Answer> ChangeAsync(string token, string current, string next) =>
        _host.PostAsync("/api/v1/me/password", token, Body(("current_password", current), ("new_password", next)));

    private async Task<string[]> EventsAsync(string subject, string types) =>
        [
            .. (await _host.GetAsync($"/api/v1/admin/audit?subject={subject}&type={types}", _admin)).Json["events"]!
                .AsArray()
                .Select(e => (string)e!["type"]!)
                .Order(StringComparer.Ordinal),
        ];

    private async Task<JsonArray> AuditAsync(string subject) =>
        (await _host.GetAsync($"/api/v1/admin/audit?subject={subject}", _admin)).Json["events"]!.AsArray();

    private static string[] Names(Answer answer) => [.. answer.Json["users"]!.AsArray().Select(u => (string)u!["username"]!)];

    private static JsonObject Body(params (string Name, string Value)[] members) =>
        new(members.Select(m => KeyValuePair.Create(m.Name, (JsonNode?)m.Value)));
}
