# Net::LDAP at a node: does what its users do, and prints what came of it as JSON. Reads what to reach from stdin.
use strict;
use warnings;
use utf8;
use Encode qw(decode_utf8 encode_utf8);
use JSON::PP;
use Net::LDAP;
use Net::LDAP::Constant qw(LDAP_CONTROL_PAGED LDAP_CONTROL_SORTRESULT LDAP_CONTROL_VLVRESPONSE LDAP_CONTROL_SYNC_DONE
  LDAP_CONTROL_SYNC_STATE LDAP_CONTROL_POSTREAD LDAP_SYNC_ADD LDAP_SYNC_REFRESH_ONLY LDAP_CONTROL_PASSWORDPOLICY);
use Net::LDAP::Control::Assertion;
use Net::LDAP::Control::ManageDsaIT;
use Net::LDAP::Control::Paged;
use Net::LDAP::Control::PasswordPolicy;
use Net::LDAP::Control::PostRead;
use Net::LDAP::Control::Sort;
use Net::LDAP::Control::SyncRequest;
use Net::LDAP::Control::VLV;
use Net::LDAP::Extension::SetPassword;
use Net::LDAP::Extension::WhoAmI;
use Net::LDAP::LDIF;

my $given = decode_json(do { local $/; <STDIN> });
my ($people, $groups) = @$given{qw(people groups)};
my %seen;
sub person { "uid=$_[0],$people" }

sub connected {
  my $ldap = Net::LDAP->new($_[0], verify => 'require', cafile => $given->{ca}, onerror => undef) or die $@;
  return $ldap;
}

sub bound {
  my ($dn, $password, $url) = @_;
  my $ldap = connected($url // $given->{url});
  my $answer = $ldap->bind($dn, password => $password);
  die $answer->error if $answer->code;
  return $ldap;
}

my $reader = bound(@{$given->{reader}}{qw(dn password)});
my %everybody = (base => $people, scope => 'one', filter => '(uid=*)', attrs => ['uid']);
sub uids { [map { $_->get_value('uid') } @_] }

my $schema = $reader->schema or die 'no schema';
my @wrong;
for my $type ($schema->all_attributes) {
  push @wrong, "$type->{name} without syntax" unless $schema->attribute_syntax($type->{name});
  push @wrong, "$type->{name} below @{$type->{sup}}" if $type->{sup} && !$schema->attribute($type->{sup}[0]);
  for my $rule (grep { defined } @$type{qw(equality ordering substr)}) {
    push @wrong, "$type->{name} matched by $rule" unless $schema->matchingrule($rule);
  }
}
for my $class ($schema->all_objectclasses) {
  for my $name (map { $_->{name} } $schema->must($class->{name}), $schema->may($class->{name})) {
    push @wrong, "$class->{name} has $name" unless $schema->attribute($name);
  }
}
$seen{schema} = { wrong => \@wrong, types => scalar($schema->all_attributes), classes => scalar($schema->all_objectclasses) };
$seen{must} = [sort map { $_->{name} } $schema->must('posixAccount')];
my $root = $reader->root_dse;
$seen{root} = [map { $_ ? 1 : 0 } $root->supported_version(3), $root->supported_control(LDAP_CONTROL_PAGED),
  $root->supported_extension('1.3.6.1.4.1.1466.20037'), $root->supported_control('1.2.3')];

my $found = $reader->search(base => $people, filter => '(sn=' . encode_utf8('Åkesson') . ')', attrs => ['*', '+']);
$seen{cn} = decode_utf8($found->entry(0)->get_value('cn'));
$seen{groups} = [sort $found->entry(0)->get_value('memberOf')];
my $text = '';
open my $file, '>', \$text;
Net::LDAP::LDIF->new($file, 'w', wrap => 0)->write_entry($found->entry(0));
close $file;
$seen{ldif} = $text =~ /^cn:: QW5uYSDDhWtlc3Nvbg==$/m ? 'whole' : $text;

my ($page, @paged, $pages) = (Net::LDAP::Control::Paged->new(size => 3, critical => 1));
for (;;) {
  my $answer = $reader->search(%everybody, control => [$page]);
  die $answer->error if $answer->code;
  push @paged, @{uids($answer->entries)};
  $pages++;
  my ($told) = $answer->control(LDAP_CONTROL_PAGED);
  last unless $told && length $told->cookie;
  $page->cookie($told->cookie);
}
$seen{paged} = [$pages, sort @paged];

my $sort = Net::LDAP::Control::Sort->new(order => '-uidNumber', critical => 1);
my $sorted = $reader->search(%everybody, control => [$sort]);
$seen{sorted} = uids($sorted->entries);
$seen{sortResult} = ($sorted->control(LDAP_CONTROL_SORTRESULT))[0]->result;

my $byUid = Net::LDAP::Control::Sort->new(order => 'uid');
my $view = Net::LDAP::Control::VLV->new(before => 1, after => 1, content => 0, offset => 3, critical => 1);
my $window = $reader->search(%everybody, control => [$view, $byUid]);
my ($told) = $window->control(LDAP_CONTROL_VLVRESPONSE);
$seen{window} = [$told->target, $told->content, @{uids($window->entries)}];
$view->response($told);
$view->scroll_page(1);
$seen{scrolled} = uids($reader->search(%everybody, control => [$view, $byUid])->entries);

my $states = 0;
my $refresh = sub {
  my $request = Net::LDAP::Control::SyncRequest->new(mode => LDAP_SYNC_REFRESH_ONLY, critical => 1, @_);
  $states = 0;
  my $count = sub {
    my ($message, $entry) = @_;
    return unless $entry && $entry->isa('Net::LDAP::Entry');
    $states++ if grep { $_->state == LDAP_SYNC_ADD } $message->control(LDAP_CONTROL_SYNC_STATE);
  };
  my $answer = $reader->search(%everybody, control => [$request], callback => $count);
  die $answer->error if $answer->code;
  return ($answer->control(LDAP_CONTROL_SYNC_DONE))[0]->cookie;
};
my $cookie = $refresh->();
my $first = $states;
$refresh->(cookie => $cookie);
$seen{sync} = [$first, $states, $cookie];

$seen{compare} = [map { $reader->compare(person('anna'), attr => 'sn', value => encode_utf8($_))->code } 'ÅKESSON', 'Berg'];
$seen{whoami} = $reader->who_am_i->response;
$seen{refused} = $reader->modify(person('anna'), replace => { title => 'x' })->code;

my $admin = bound(@{$given->{admin}}{qw(dn password)}, $given->{secureUrl});
my @codes;
sub done { push @codes, $_[0]->code; return $_[0] }
my @nils = (objectClass => ['inetOrgPerson', 'posixAccount'], cn => encode_utf8('Nils Öberg'), sn => encode_utf8('Öberg'),
  givenName => 'Nils', uid => 'nils', uidNumber => 2700, gidNumber => 63000, homeDirectory => '/home/nils');
done($admin->add(person('nils'), attrs => [@nils]));
done($admin->add(person('nils'), attrs => [@nils]));
my $read = done($admin->modify(person('nils'),
  changes => [add => [title => 'Welder'], replace => [sn => encode_utf8('Nyström')]],
  control => [Net::LDAP::Control::PostRead->new(attrs => ['title', 'cn'], critical => 1),
    Net::LDAP::Control::Assertion->new(assertion => '(!(title=*))', critical => 1)]));
my ($post) = $read->control(LDAP_CONTROL_POSTREAD);
$seen{postRead} = [$post->entry->get_value('title'), decode_utf8($post->entry->get_value('cn'))];
done($admin->modify(person('nils'), delete => { title => 'Welder' },
  control => [Net::LDAP::Control::Assertion->new(assertion => '(title=Cook)', critical => 1)]));
done($admin->moddn(person('nils'), newrdn => 'uid=nisse', deleteoldrdn => 1));
my $made = done($admin->set_password(user => person('nisse')));
$seen{made} = length($made->gen_password) > 8 ? 'made' : 'none';
done($admin->modify("cn=ftp_plugin,$groups", add => { memberUid => 'nisse' }));
my $entry = $admin->search(base => person('nisse'), scope => 'base', filter => '(objectClass=*)')->entry(0);
$entry->replace(l => encode_utf8('Malmö'));
done($entry->update($admin));
done($admin->delete(person('nisse'), control => [Net::LDAP::Control::ManageDsaIT->new(critical => 1)]));
$seen{codes} = \@codes;

my $secured = connected($given->{url});
my $startTls = $secured->start_tls(verify => 'require', cafile => $given->{ca});
$secured->bind($given->{reader}{dn}, password => $given->{reader}{password});
$seen{startTls} = [$startTls->code, $secured->cipher ? 'ciphered' : 'plain', $secured->who_am_i->response];
my $untrusting = Net::LDAP->new($given->{url});
$seen{untrusted} = $untrusting->start_tls(verify => 'require')->code ? 'refused' : 'trusted';

my $policy = Net::LDAP::Control::PasswordPolicy->new;
my $mia = connected($given->{secureUrl});
my $answer = $mia->bind(person('mia'), password => $given->{password}, control => [$policy]);
my ($notice) = $answer->control(LDAP_CONTROL_PASSWORDPOLICY);
$seen{mustChange} = [$answer->code, $notice->pp_error];
my $short = $mia->set_password(oldpasswd => $given->{password}, newpasswd => 'brief', control => [$policy]);
$seen{tooShort} = [$short->code, ($short->control(LDAP_CONTROL_PASSWORDPOLICY))[0]->pp_error];
$seen{changed} = $mia->set_password(oldpasswd => $given->{password}, newpasswd => $given->{newPassword})->code;

print encode_json(\%seen);
